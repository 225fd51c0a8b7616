// The command itself: what it prints as a table and as JSON lines, its exit codes, that it leaves nothing behind; real data.
import { existsSync, globSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { replayCommand } from "./replay.ts";
import { runCommand } from "./run-command.test-support.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-replay-"));
const configPath = join(folder, "agent.yaml");
const DATA = resolve(process.env["MILLRACE_DATA"] ?? join(import.meta.dirname, "../../../../shared/data"));
afterAll(() => rmSync(folder, { recursive: true }));

const T = Date.parse("2026-01-05T10:00:00Z");

async function run(...argv: readonly string[]) {
  const commands = { replay: replayCommand };
  const { code, out, err } = await runCommand(commands, ["replay", "--config", configPath, ...argv]);
  return { code, out: out.trimEnd().split("\n"), err };
}

function write(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
  return path;
}

beforeEach(() => {
  write("agent.yaml", [
    JSON.stringify({
      version: 1,
      agent: "alpha-1",
      site: "alpha",
      inputs: {
        broker: {},
        files: [{ path: "./skab/*.csv", topic: "skab/{file}", format: "csv-with-header", delimiter: ";" }],
      },
      uplink: { url: "mqtt://127.0.0.1:1884", password: "x" },
      limits: { clockFloor: "2010-01-01" },
    }),
  ]);
  const from = (topic: string, value: string) => ({ topic, json: { value } });
  const accumulate = ["count", "mean", "max"];
  write("pipeline.yaml", [
    JSON.stringify({
      version: 1,
      metrics: {
        pressure: { unit: "bar", from: from("press/{machine}", "$.value"), accumulate },
        voltage: { unit: "V", from: from("skab/{run}", "$.Voltage"), accumulate },
        measured: { unit: "1", from: from("nab/{name}", "$.value"), accumulate },
      },
      windows: {
        pressure_10s: { metric: "pressure", size: "10s", by: ["machine"] },
        voltage_1m: { metric: "voltage", size: "1m", by: ["run"] },
        measured_1d: { metric: "measured", size: "1d", by: ["name"] },
      },
      rules: { high: { metric: "pressure", when: { above: 8 }, severity: 500 } },
    }),
  ]);
});

/** As `mosquitto_sub -F '%J'` prints it. */
const said = (second: number, payload: string): string =>
  `{"tst":"${new Date(T + second * 1000).toISOString().replace(/Z$/, "000Z+0000")}","topic":"press/m1","qos":1,"retain":0,"payloadlen":${payload.length},"payload":${payload}}`;

const recording = Array.from({ length: 16 }, (_, second) =>
  said(second, `{"value":${second === 12 ? 9 : 5}}`),
);

test("a table of windows and alarms, and the ledger under it", async () => {
  const { code, out, err } = await run(write("a.jsonl", recording));
  expect(code).toBe(0);
  expect(out).toEqual([
    expect.stringMatching(
      /^2026-01-05T10:00:12\.000Z {2}alarm {3}high {2}machine=m1 site=alpha {2}raised {2}value 9 limit 8 severity 500 {2}/,
    ),
    expect.stringMatching(/^2026-01-05T10:00:13\.000Z {2}alarm {3}high .* ended /),
    "2026-01-05T10:00:00.000Z  window  pressure_10s  machine=m1  complete  until 2026-01-05T10:00:10.000Z  count 10 max 5 mean 5 stddev 0",
    expect.stringMatching(/ provisional .* count 6 max 9 mean 5\.666666667 /),
    "",
    "messages   16, bad lines 0, 2026-01-05T10:00:00.000Z to 2026-01-05T10:00:15.000Z",
    "windows    complete 1, revisions 0, open at the end 1",
    "alarms     raised 1, active at the end 0",
    "ledger     received 16 = aggregated 16 + rule only 0 + duplicate 0 + rejected 0",
    "           aggregated 16 = in windows 16 (late: 0) + too late 0 + of no window 0",
  ]);
  expect(err).toMatch(/^warning: .*pipeline\.yaml:\d+:\d+: readings of pressure bring no time of their own/m);
  // The agent's own folder is not even made.
  expect(existsSync(join(folder, "data"))).toBe(false);
});

test("--json prints lines with every field, and a summary", async () => {
  const { code, out } = await run("--json", write("a.jsonl", recording));
  const lines = out.map((line): { type: string } => JSON.parse(line));
  expect(code).toBe(0);
  expect(lines.map(({ type }) => type)).toEqual(["alarm", "alarm", "window", "window", "summary"]);
  expect(lines[0]).toMatchObject({ rule: "high", value: 9, isActive: true });
  expect(lines[2]).toMatchObject({ window: "pressure_10s", state: "complete", values: { count: 10 } });
  expect(lines[4]).toMatchObject({ messages: 16, isBalanced: true, windows: { complete: 1, cut: 1 } });
});

test("bad lines are named with file, line and column, at most twenty of them, and the exit code is 1", async () => {
  const path = write("bad.jsonl", ["{", ...recording, ...Array.from({ length: 30 }, () => "[1]")]);
  const { code, out, err } = await run(path);
  expect(code).toBe(1);
  expect(err).toContain(`${path}:1:2: bad line: not JSON`);
  expect(err).toContain(`${path}:18:1: bad line: not an object with topic and payload`);
  expect(err.match(/bad line/g)).toHaveLength(20);
  expect(out.find((line) => line.startsWith("messages"))).toContain("messages   16, bad lines 31,");
});

test("readings that the agent rejects are in the ledger, and no failure of the replay", async () => {
  const path = write("odd.jsonl", [
    ...recording,
    said(16, '"text"'),
    said(16, '{"value":1}').replace("press", "x"),
  ]);
  const { code, out, err } = await run(path);
  expect(code).toBe(0);
  expect(out).toContain("           rejected(unknown_topic) 1");
  expect(err).toContain(`${path}:18:1: rejected(unknown_topic): x/m1: no metric reads this topic`);
});

test("no file, an unknown format and a file that is not there are told before anything runs", async () => {
  expect(await run()).toMatchObject({ code: 2, err: expect.stringContaining("FILE… is missing") });
  expect(await run("--format", "xml", "x")).toMatchObject({
    code: 1,
    err: expect.stringContaining("cannot read file x"),
  });
  expect(await run("--format", "xml", configPath)).toMatchObject({ code: 2 });
});

test.skipIf(!existsSync(DATA))(
  "real pump and machine data: every row is in its window, none is lost",
  async () => {
    const pump = readdirSync(join(DATA, "skab/valve1")).map((name) => join(DATA, "skab/valve1", name));
    const skab = await run(
      "--json",
      "--time",
      "datetime",
      "--format",
      "csv-with-header",
      "--delimiter",
      ";",
      "--topic",
      "skab/{file}",
      ...pump,
    );
    expect(skab.code).toBe(0);
    expect(JSON.parse(skab.out.at(-1) ?? "")).toMatchObject({ badLines: 0, isBalanced: true });
    const known = globSync(join(DATA, "nab/realKnownCause/*_failure.csv"));
    const nab = await run("--json", "--time", "timestamp", "--topic", "nab/{file}", ...known);
    expect(nab.code).toBe(0);
    const { ledger, badLines, messages } = JSON.parse(nab.out.at(-1) ?? "");
    expect(badLines).toBe(0);
    expect(ledger).toMatchObject({ received: messages, merged: messages - ledger.tooLate, unwindowed: 0 });
  },
  60_000,
);
