#!/usr/bin/env node
"use strict";
void require("../bootstrap.cjs").bootstrap("edge-agent/src/main.ts", process.argv.slice(2));
