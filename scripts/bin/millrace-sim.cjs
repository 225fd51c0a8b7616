#!/usr/bin/env node
"use strict";
void require("../bootstrap.cjs").bootstrap("simulator/src/main.ts", process.argv.slice(2));
