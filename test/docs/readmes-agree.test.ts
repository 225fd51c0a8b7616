// Both READMEs have the same commands in the same order, and configuration that means the same and that `check` accepts.
import { readFileSync } from "node:fs";
import path from "node:path";
import { loadAgentConfig, loadCentralConfig, loadPipeline } from "@millrace/config";
import { expect, test } from "vitest";
import { repositoryRoot as root } from "../house/source-file.ts";
import { configFiles } from "./config-files.ts";
import { commandLines, type Page, parsePage } from "./page.ts";

const pageOf = (name: string): Page => parsePage(readFileSync(path.join(root, name), "utf8"));
const english = pageOf("README.md");
const chinese = pageOf("README.zh-CN.md");

test("the same commands in the same order", () => {
  expect(commandLines(english).length).toBeGreaterThan(10);
  expect(commandLines(chinese)).toEqual(commandLines(english));
});

test("the same kinds of blocks in the same order", () => {
  const kinds = (page: Page) => page.blocks.map(({ language }) => language);
  expect(kinds(chinese)).toEqual(kinds(english));
});

test("the same pictures and pages", () => {
  const links = (page: Page) => page.links.filter((link) => !link.startsWith("README")).toSorted();
  expect(links(chinese)).toEqual(links(english));
});

test("the same configuration, without errors or warnings", () => {
  const loaded = [english, chinese].map((page) => {
    const files = configFiles(page);
    const readFile = (file: string) => files.get(path.basename(file)) ?? "secret\n";
    return {
      agent: loadAgentConfig("/site/agent.yaml", { readFile }),
      central: loadCentralConfig("/site/central.yaml", { readFile }),
      pipeline: loadPipeline("/site/pipeline.yaml", { readFile }),
    };
  });
  expect(loaded[0]?.agent.warnings).toEqual([]);
  expect(loaded[0]?.central.warnings).toEqual([]);
  expect(loaded[0]?.pipeline.warnings).toEqual([]);
  expect(JSON.stringify(loaded[1])).toBe(JSON.stringify(loaded[0]));
});
