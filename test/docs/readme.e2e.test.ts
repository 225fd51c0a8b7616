// Every command of the README is run as it stands there, in its order, in a copy of this checkout.
// Only ports and the length of the first run are changed, so that it runs beside others and in less time.
import { globSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "@millrace/testkit";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { repositoryRoot as root } from "../house/source-file.ts";
import { CheckoutCopy } from "./checkout-copy.ts";
import { configFiles } from "./config-files.ts";
import { commandLines, parsePage } from "./page.ts";
import { RunningCommand } from "./running-command.ts";

const readme = parsePage(readFileSync(path.join(root, "README.md"), "utf8"));
const [
  npmStart,
  npmTest,
  startForAWhile,
  killAgent,
  freezeCentral,
  thawCentral,
  resetAlarms,
  makeFolder,
  makePassword,
  checkCentral,
  runCentral,
  checkAgent,
  runAgent,
  publish,
  agentStatus,
  centralStatus,
  build,
  runCentralBinary,
  runAgentBinary,
  ...others
] = commandLines(readme);

/** Run by something else: here it would take the suite's time again, or run the suite in itself. */
const covered = [
  { line: npmStart, by: ".ci/run", as: "npm start -- --for 30s" },
  { line: npmTest, by: ".ci/run", as: "npm test" },
];

const README_PORTS = ["1883", "1884", "8080", "9464"];

describe("the README's commands", () => {
  let copy: CheckoutCopy;
  const ports = new Map<string, string>();

  beforeAll(async () => {
    copy = new CheckoutCopy(root, "readme");
    for (const port of README_PORTS) ports.set(port, String(await freePort()));
  }, 60_000);

  afterAll(() => {
    RunningCommand.killAll();
    copy.remove();
  }, 60_000);

  const changed = (text: string) =>
    text
      .replaceAll(new RegExp(README_PORTS.join("|"), "g"), (port) => ports.get(port) ?? port)
      .replaceAll("--for 2m", "--for 75s");
  const start = (line: string | undefined) =>
    new RunningCommand({
      line: changed(line ?? ""),
      folder: copy.checkout,
      env: { ...process.env, npm_config_cache: path.join(copy.folder, "npm-cache"), NO_COLOR: "1" },
    });
  const run = async (line: string | undefined) => {
    const command = start(line);
    const exitCode = await command.exitCode;
    return { exitCode, output: command.output };
  };
  const succeed = async (line: string | undefined) => {
    const { exitCode, output } = await run(line);
    expect(exitCode, output).toBe(0);
    return output;
  };
  /** Asks again until the answer is as expected; the test's own limit ends it. */
  const until = async (line: string | undefined, pattern: RegExp) => {
    for (;;) {
      const { output } = await run(line);
      if (pattern.test(output)) return output;
    }
  };

  test("all are here", () => {
    expect(runAgentBinary).toMatch(/^dist\/millrace-agent run/);
    expect(others).toEqual([]);
  });

  test.each(covered)("$line is run by $by", ({ by, as }) => {
    expect(readFileSync(path.join(root, by), "utf8")).toContain(as);
  });

  test("the line on one machine loses nothing by what is done to it", { timeout: 360_000 }, async () => {
    onTestFailed(() => showLogs(path.join(copy.checkout, "data/line")));
    const line = start(startForAWhile);
    await line.until(/Dashboard: http/);
    await succeed(killAgent);
    await line.until(/alpha-gateway died unexpectedly/);
    await line.until(/alpha-gateway is back/);
    await succeed(freezeCentral);
    const status = agentStatus?.replace("../factory/agent.yaml", "data/line/beta-gateway.yaml");
    await until(status, /^link +(down|connecting)/m);
    await succeed(thawCentral);
    await until(status, /^link +up/m);
    await until(resetAlarms, /^reset: 1$/m);
    expect(await line.exitCode, line.output).toBe(0);
    expect(line.output).toContain("everything is as the simulator's truth says");
  });

  test("central and an agent, from the checkout", { timeout: 300_000 }, async () => {
    await succeed(makeFolder);
    await succeed(makePassword);
    for (const [name, text] of configFiles(readme)) {
      writeFileSync(path.join(copy.folder, "factory", name), changed(text));
    }
    expect(await succeed(checkCentral)).not.toContain("warning");
    const central = start(runCentral);
    await central.until(/"msg":"running"/);
    expect(await succeed(checkAgent)).not.toContain("warning");
    const agent = start(runAgent);
    await agent.until(/"msg":"running"/);
    await agent.until(/uplink is up/);
    await succeed(publish);
    const seen = await until(agentStatus, /forwarded 1\b/);
    expect(seen).toMatch(/received +1 = aggregated 1/);
    expect(seen).toMatch(/overheating-.*action dry_run/);
    expect(await until(centralStatus, /gateway-1 +plant-1 +connected .* 1 +1( +0)+$/m)).toContain(
      "1 active alarm\n",
    );
    // npx itself ends by the signal that it passes on.
    await agent.stop();
    expect(agent.output).toContain('"msg":"stopped"');
    await central.stop();
    expect(central.output).toContain('"msg":"stopped"');
  });

  test("the same with single binaries", { timeout: 480_000 }, async () => {
    await succeed(build);
    const central = start(runCentralBinary);
    await central.until(/"msg":"running"/);
    const agent = start(runAgentBinary);
    await agent.until(/uplink is up/);
    expect(await until(centralStatus, /gateway-1 +plant-1 +connected/)).toContain("1 active alarm\n");
    expect(await agent.stop(), agent.output).toBe(0);
    expect(await central.stop(), central.output).toBe(0);
  });
});

function showLogs(folder: string): void {
  for (const name of globSync("*.log", { cwd: folder })) {
    process.stderr.write(`── ${name}\n${readFileSync(path.join(folder, name), "utf8").slice(-4_000)}\n`);
  }
}
