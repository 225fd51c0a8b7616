// A person breaks things while it runs: what is typed or posted is obeyed and written down, what cannot be is said in words, and the
// run is made again from its truth.
import { afterEach, expect, test } from "vitest";
import { parsePlan } from "../plan/load-plan.ts";
import { RecordedPlant, type RecordedStep } from "../plant/recorded-plant.ts";
import { RepeatedRun } from "../truth/repeated-run.ts";
import { formatTruthLine, parseTruthLine, type TruthLine } from "../truth/truth-line.ts";
import { LiveDesk, type LiveRun } from "./live-desk.ts";
import { LiveServer } from "./live-server.ts";
import { LIVE_HELP, parseLiveLine } from "./parse-live-line.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const START_MS = 1_767_225_600_000;
const PLAN = `version: 1
readingsPerSecond: 10
sites:
  alpha: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: 2 }
  beta: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: 1 }
heat: { tau: 1s }
faults: [{ fault: leak, machine: beta/line-1/machine-1, at: 2s, share: 0.5 }]
rules: { hot: { metric: temperature, above: 80, clearBelow: 75 } }
links:
  to: 127.0.0.1:8883
  firstPort: 0
  up: { least: 3s, shape: 1.5, max: 1h }
  down: { least: 500ms, shape: 1.5, max: 1m }
  halfOpen: 0.5
`;

/** A run by hand, with a desk to give it orders. */
function newRun(text = PLAN) {
  const lines: TruthLine[] = [];
  const steps: RecordedStep[] = [];
  const record = (line: TruthLine): void => void lines.push(line);
  const plant = new RecordedPlant({
    plan: parsePlan(text, "plan.yaml"),
    startMs: START_MS,
    recovery: null,
    record,
  });
  let hasStopped = false;
  const run: LiveRun = {
    live(order) {
      const step = plant.live(order, START_MS + plant.stepCount);
      if (typeof step === "string") return step;
      steps.push(step);
      return null;
    },
    get activeFaults() {
      return plant.activeFaults;
    },
    get lines() {
      return plant.lines;
    },
    stopGenerating: () => (hasStopped = true),
  };
  return {
    lines,
    steps,
    run,
    desk: new LiveDesk(run),
    hasStopped: () => hasStopped,
    go(ticks: number): void {
      for (let tick = 0; tick < ticks; tick += 1) steps.push(plant.step());
    },
    faults: () =>
      lines.flatMap((line) => (line.type === "fault" ? [`${line.number} ${line.fault} ${line.step}`] : [])),
  };
}

test("a machine that is overheated raises its alarm; the fault ends by its number", () => {
  const { go, desk, lines, faults } = newRun();
  go(150);
  expect(desk.answer("overheat alpha/line-1/machine-2 160")).toBe("done\n");
  go(150);
  expect(desk.answer("faults")).toBe(
    "1  leak  beta/line-1/machine-1\n2  overheating  alpha/line-1/machine-2\n",
  );
  expect(desk.answer("end 2")).toBe("done\n");
  go(150);
  expect(faults()).toEqual(["1 leak onset", "2 overheating onset", "2 overheating end"]);
  const alarms = lines.filter(({ type }) => type === "alarm" || type === "cleared");
  expect(alarms.map((line) => ("machine" in line ? `${line.type} ${line.machine}` : ""))).toEqual([
    "alarm machine-2",
    "cleared machine-2",
  ]);
});

test("a site that is stopped is silent, its connections are gone, and it comes back", () => {
  const { go, desk, lines, steps } = newRun();
  go(100);
  desk.answer("stop beta 1h");
  const from = lines.length;
  go(120);
  const silent = lines.slice(from).filter((line) => line.type === "reading" && line.site === "beta");
  expect(silent).toEqual([]);
  expect(desk.answer("end 2")).toBe("done\n");
  const back = lines.length;
  go(60);
  expect(lines.slice(back).some((line) => line.type === "reading" && line.site === "beta")).toBe(true);
  const changes = steps.flatMap(({ siteChanges }) =>
    siteChanges.map(({ fault, step }) => `${fault.site} ${step}`),
  );
  expect(changes).toEqual(["beta onset", "beta end"]);
});

test("junk is spoilt payloads, each in the truth", () => {
  const { go, desk, lines, steps } = newRun();
  go(10);
  expect(desk.answer("junk alpha 7")).toBe("done\n");
  expect(steps.at(-1)?.messages).toHaveLength(7);
  expect(lines.filter((line) => line.type === "delivery" && line.malformed !== undefined)).toHaveLength(7);
});

test("a line in a person's hand stays as it was put until it is restored", () => {
  const { go, desk, steps } = newRun();
  const states = (): string[] =>
    steps.flatMap(({ linkChanges }) =>
      linkChanges.flatMap(({ site, state }) => (site === "alpha" ? [state] : [])),
    );
  desk.answer("cut alpha");
  go(6_000);
  expect(states()).toEqual(["down"]);
  expect(desk.answer("faults")).toContain("line of alpha  down  as ordered\n");
  desk.answer("restore alpha");
  expect(desk.answer("faults")).not.toContain("as ordered");
  go(6_000);
  expect(new Set(states())).toEqual(new Set(["up", "down", "half-open"]));
});

test("what was ordered is made again from the truth, line by line", () => {
  const { go, desk, lines } = newRun(`${PLAN}delivery: { lateness: { distribution: uniform, max: 2s } }\n`);
  for (const line of [
    "overheat alpha/line-1/machine-1",
    "fault stuck alpha/line-1/machine-2/pressure for=3s",
    "fault clock alpha/line-1/machine-2 offsetMs=-700",
    "junk beta 3",
    "hang beta",
    "stop alpha 2s",
    "end 2",
    "restore beta",
    "fault swapped beta/line-1/machine-1 metrics=temperature,pressure",
  ]) {
    go(37);
    expect(desk.answer(line)).toBe("done\n");
  }
  go(200);
  const again = new RepeatedRun({ path: "truth.jsonl", record: () => {} });
  const read = lines
    .map((line) => parseTruthLine(formatTruthLine(line)))
    .filter((line) => line !== undefined);
  expect(read.map((line) => again.onLine(line)).filter((difference) => difference !== null)).toEqual([]);
  expect(again.lineCount).toBe(lines.length);
});

test.each([
  ["overheat alpha/line-1/machine-9", "not done: no machine alpha/line-1/machine-9"],
  ["overheat", "overheat needs a machine"],
  ["overhaet x", 'no command "overhaet"'],
  ["fault leak alpha/line-1/machine-1", "not done: share"],
  ["fault leak alpha/line-1/machine-1 share", "share is no key=value"],
  ["end 7", "not done: no fault 7 is there"],
  ["stop gamma", "not done: no site gamma"],
  ["cut alpah", "not done: no site alpah; did you mean alpha?"],
  ["junk alpha none", "junk needs a site"],
])("%s: %s", (line, answer) => {
  const { desk, lines } = newRun();
  const before = lines.length;
  expect(desk.answer(line)).toContain(answer);
  expect(lines).toHaveLength(before);
});

test("without links in the plan there is nothing to cut", () => {
  const { desk } = newRun(PLAN.slice(0, PLAN.indexOf("links:")));
  expect(desk.answer("cut alpha")).toContain("the plan has no links");
});

test("the help names every command, and quit stops the machines", () => {
  const { desk, hasStopped } = newRun();
  expect(desk.answer("help")).toBe(LIVE_HELP);
  for (const verb of [
    "overheat",
    "fault",
    "end",
    "stop",
    "cut",
    "hang",
    "restore",
    "junk",
    "faults",
    "help",
    "quit",
  ]) {
    expect(LIVE_HELP).toContain(verb);
    expect(parseLiveLine(verb)).not.toMatchObject({ problem: expect.stringContaining("no command") });
  }
  expect(parseLiveLine("  ")).toEqual({ kind: "nothing" });
  desk.answer("quit");
  expect(hasStopped()).toBe(true);
});

test("over HTTP: faults are listed, begun and ended, lines cut, and bad orders answered in words", async () => {
  const { go, run, faults } = newRun();
  go(10);
  const server = await LiveServer.listen(run, 0);
  ends.push(() => server.close());
  const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return [response.status, await response.json()];
  };
  const overheating = { fault: "overheating", machine: "alpha/line-1/machine-1", targetCelsius: 150 };
  expect(await ask("POST", "/faults", overheating)).toEqual([
    200,
    { obeyed: "from the next tick on; GET /faults", faults: [] },
  ]);
  go(10);
  expect(await ask("GET", "/faults")).toMatchObject([200, { faults: [{ fault: "overheating", number: 2 }] }]);
  expect(await ask("POST", "/faults", { ...overheating, fault: "overheeting" })).toEqual([
    400,
    { error: 'fault: "overheeting"; did you mean overheating?' },
  ]);
  expect(await ask("POST", "/faults", { ...overheating, targetCelsius: "150" })).toEqual([
    400,
    { error: 'targetCelsius: "150" is text; it must be a number: leave out the quotes' },
  ]);
  expect(await ask("DELETE", "/faults/2")).toEqual([
    200,
    { obeyed: "from the next tick on; GET /faults", faults: [] },
  ]);
  expect(faults()).toEqual(["2 overheating onset", "2 overheating end"]);
  const links = [
    { site: "alpha", state: "down", isOrdered: true },
    { site: "beta", state: "up", isOrdered: false },
  ];
  expect(await ask("POST", "/links", { site: "alpha", state: "down" })).toEqual([
    200,
    { obeyed: "at once", links },
  ]);
  expect(await ask("GET", "/links")).toEqual([200, { links }]);
  expect(await ask("POST", "/links", { site: "alpha", state: "bad" })).toEqual([
    400,
    { error: 'state: "bad"; it must be up, down, half-open or plan' },
  ]);
  expect(await ask("POST", "/faults", { ...overheating, at: "3s" })).toEqual([
    400,
    { error: "at: what is ordered begins now; leave it out" },
  ]);
  expect(await ask("POST", "/junk", { site: "alpha", count: 2 })).toMatchObject([200, {}]);
  expect(await ask("DELETE", "/faults/2")).toMatchObject([
    400,
    { error: expect.stringContaining("no fault 2") },
  ]);
  expect(await ask("POST", "/faults", "{")).toMatchObject([
    400,
    { error: "the body is no JSON, or too long" },
  ]);
  expect(await ask("POST", "/faults", [1])).toMatchObject([400, {}]);
  expect(await ask("POST", "/faults", { fault: "leak" })).toMatchObject([
    400,
    { error: expect.stringContaining("share") },
  ]);
  expect(await ask("POST", "/links", { site: "alpha", state: "off" })).toMatchObject([400, {}]);
  expect(await ask("PUT", "/faults", {})).toMatchObject([404, {}]);
  expect(await ask("POST", "/faults", overheating, { "content-type": "text/plain" })).toMatchObject([
    415,
    {},
  ]);
  expect(await ask("POST", "/faults", overheating, { origin: "https://evil.example" })).toMatchObject([
    403,
    {},
  ]);
});
