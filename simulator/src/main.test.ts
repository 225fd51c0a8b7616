// The command as people call it: the same seed gives the same bytes in any process, a longer run begins like a shorter one.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "millrace-sim-"));
const plan = join(import.meta.dirname, "../plans/newcomer.yaml");

function simulate(name: string, ...flags: string[]) {
  return simulatePlan(plan, name, ...flags);
}

function simulatePlan(plan: string, name: string, ...flags: string[]) {
  const truth = join(folder, name);
  const result = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "main.ts"), "run", "--plan", plan, "--truth", truth, ...flags],
    { encoding: "utf8" },
  );
  return { ...result, truth };
}

test("same seed same bytes across processes, other seed other bytes, a shorter run is a prefix", () => {
  const start = ["--offline", "--start", "1700000000000"];
  const once = readFileSync(simulate("once", ...start, "--for", "20s").truth, "utf8");
  const again = readFileSync(simulate("again", ...start, "--for", "20s").truth, "utf8");
  const shorter = readFileSync(simulate("shorter", ...start, "--for", "7s").truth, "utf8");
  const other = readFileSync(simulate("other", ...start, "--for", "20s", "--seed", "7").truth, "utf8");
  expect(again).toBe(once);
  expect(once.startsWith(shorter)).toBe(true);
  expect(shorter.split("\n").length).toBeGreaterThan(7 * 12 * 3 * 5);
  expect(other).not.toBe(once);
});

test("the truth's bytes are these, on every machine", () => {
  const { truth } = simulate("golden", "--offline", "--start", "1700000000000", "--for", "20s");
  // The plan's own text stands in the first line; it may gain a comment.
  const [, ...lines] = readFileSync(truth, "utf8").split("\n");
  expect(createHash("sha256").update(lines.join("\n")).digest("hex")).toBe(
    "9b851ba87aa2ad624598b0a43bfdc321978e8ffd17e95119a67bba4b6e5ee264",
  );
});

test(
  "repeat makes a run again from nothing but its truth; a forged reading is found",
  { timeout: 60_000 },
  () => {
    const { truth } = simulate("original", "--offline", "--start", "1700000000000", "--for", "12s");
    const again = join(folder, "repeated");
    const main = join(import.meta.dirname, "main.ts");
    const repeat = (path: string) =>
      spawnSync(process.execPath, [main, "repeat", "--truth", path, "--into", again], { encoding: "utf8" });
    const right = repeat(truth);
    expect([right.status, right.stdout]).toEqual([0, expect.stringMatching(/^✓ \d{4} lines made again/)]);
    expect(readFileSync(again, "utf8").split("\n").slice(1)).toEqual(
      readFileSync(truth, "utf8").split("\n").slice(1),
    );
    const forged = join(folder, "forged");
    writeFileSync(forged, readFileSync(truth, "utf8").replace(/"value":([1-9])/, '"value":9$1'));
    const wrong = repeat(forged);
    const lines = readFileSync(truth, "utf8").split("\n");
    const number = lines.findIndex((line) => /"value":[1-9]/.test(line)) + 1;
    expect([wrong.status, wrong.stdout]).toEqual([
      1,
      expect.stringContaining(`✗ line ${number} of the truth does not come out as it is there`),
    ]);
  },
);

const BUSINESS = `version: 1
seed: 3
readingsPerSecond: 1
sites: { alpha: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: 1 } }
business:
  windows: [10s]
  debezium: { decimals: string }
  orders: { perSecond: 20, payment: { declined: 0.3, retry: { share: 0 } } }
  trucks:
    routes: { road: { through: [北京, 天津], trucks: 2 } }
    events: [{ truck: road-1, event: silence, at: 20s, for: 30s }]
`;

test(
  "records of a plan go into files, and their run is made again from its truth, between machines' readings",
  { timeout: 60_000 },
  () => {
    const businessPlan = join(folder, "business.yaml");
    writeFileSync(businessPlan, BUSINESS);
    const records = join(folder, "records");
    const flags = ["--offline", "--start", "1700000000000", "--for", "3m"];
    const run = simulatePlan(businessPlan, "business", ...flags, "--into", records);
    expect([run.status, run.stderr]).toEqual([0, ""]);
    const truth = readFileSync(run.truth, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const types = new Set(truth.map(({ type }: { type: string }) => type));
    expect(types).toEqual(
      new Set(["run", "reading", "orders-window", "changes-window", "truck-window", "records-end"]),
    );
    const orders = readFileSync(join(records, "orders.jsonl"), "utf8").trimEnd().split("\n");
    const changes = orders.map((line) => JSON.parse(line));
    expect(changes[0]).toMatchObject({
      key: { order_id: expect.anything() },
      value: { op: "c", before: null },
    });
    expect(changes.some(({ value }) => value === null)).toBe(true);
    const trucks = readFileSync(join(records, "trucks.jsonl"), "utf8").trimEnd().split("\n");
    const times = trucks.map((line) => JSON.parse(line)).map(({ truck, time }) => `${truck} ${time - 17e11}`);
    expect(times).toHaveLength(2 * 18);
    // What was kept back stands behind what others said meanwhile.
    expect(times).not.toEqual(times.toSorted((one, other) => Number(one.slice(7)) - Number(other.slice(7))));

    const main = join(import.meta.dirname, "main.ts");
    const repeat = spawnSync(process.execPath, [main, "repeat", "--truth", run.truth], { encoding: "utf8" });
    expect([repeat.status, repeat.stdout]).toEqual([
      0,
      `✓ ${truth.length} lines made again, each as in the truth\n`,
    ]);
    // Another run into the same truth begins where the first one ended.
    simulatePlan(businessPlan, "business", ...flags);
    const starts = readFileSync(run.truth, "utf8").matchAll(/"start":(\d+),"readings/g);
    expect([...starts].map(([, start]) => Number(start) - 17e11)).toEqual([0, 180_000]);
    const again = simulatePlan(businessPlan, "business-again", ...flags, "--into", records);
    expect([again.status, again.stderr]).toEqual([1, expect.stringMatching(/\.jsonl: EEXIST/)]);
  },
);

test("records go into files as they happen, as fast as asked", { timeout: 60_000 }, () => {
  const shop = join(folder, "shop.yaml");
  writeFileSync(shop, "version: 1\nseed: 4\nbusiness: { orders: { perSecond: 20 } }\n");
  const into = join(folder, "live-records");
  // Noon in Shanghai: at night hardly anybody orders.
  const flags = ["--start", `${Date.UTC(2026, 0, 5, 4)}`, "--for", "20s", "--speed", "max", "--into", into];
  const run = simulatePlan(shop, "live-files", ...flags, "--streams", "orders");
  expect([run.status, run.stdout]).toEqual([
    0,
    expect.stringMatching(/(\d+) records made, \1 acknowledged, 0 not/),
  ]);
  expect(readdirSync(into)).toEqual(["orders.jsonl"]);
  expect(readFileSync(join(into, "orders.jsonl"), "utf8").split("\n").length).toBeGreaterThan(200);
  const refused = simulatePlan(shop, "no-such-stream", ...flags, "--streams", "order");
  expect([refused.status, refused.stderr]).toEqual([
    2,
    expect.stringContaining("makes orders, refunds, not order"),
  ]);
  const offline = simulatePlan(shop, "offline-http", "--offline", "--for", "1s", "--http", "http://x");
  expect([offline.status, offline.stderr]).toEqual([2, expect.stringContaining("--offline sends nothing")]);
});

test("check says what a plan makes and where it goes, or what is wrong with it", { timeout: 60_000 }, () => {
  const check = (path: string) =>
    spawnSync(process.execPath, [join(import.meta.dirname, "main.ts"), "check", "--plan", path], {
      encoding: "utf8",
    });
  const chaos = check(join(plan, "../chaos.yaml"));
  expect([chaos.status, chaos.stdout.split("\n")]).toEqual([
    0,
    [
      expect.stringMatching(/site +machines +readings\/s +to/),
      expect.stringMatching(/alpha +4 +60 +mqtt:\/\/127.0.0.1:1883, QoS 1/),
      expect.stringContaining("beta"),
      expect.stringContaining("gamma"),
      "signals: temperature, vibration, pressure; 13 faults",
      "readings come: late up to 8 s (pareto), 5 % out of order, 5 % twice, 2 % lost at QoS 0, 2 % spoilt, silent about every 30 s",
      "links: 3 lines to central at 127.0.0.1:8883, from ports 17001 to 17003 of this machine",
      expect.stringMatching(
        /^records: orders, refunds, transfers, trucks, app-opens; up to about \d+ records\/s$/,
      ),
      "records come: late up to 8 s (pareto), 5 % out of order, 5 % twice, 2 % spoilt",
      "✓ the plan can be run",
      "",
    ],
  ]);
  const wrong = join(folder, "wrong.yaml");
  writeFileSync(wrong, "version: 1\nsead: 4\nbusiness: { orders: { perSecond: -1 } }\n");
  const refused = check(wrong);
  expect([refused.status, refused.stderr]).toEqual([
    2,
    expect.stringMatching(/wrong\.yaml:2:1: unknown key "sead"[^]*wrong\.yaml:3:34: /),
  ]);
});

test("orders that nobody would hear, and lines that there are not, are refused", { timeout: 60_000 }, () => {
  const shop = join(folder, "orderless.yaml");
  writeFileSync(shop, "version: 1\nbusiness: { orders: { perSecond: 1 } }\n");
  for (const [of, flags, words] of [
    [shop, ["--live", "--into", folder], "--live: orders are for machines, and the plan has none"],
    [plan, ["--control", "0", "--offline", "--for", "1s"], "--control: --offline takes no orders"],
    [plan, ["--links-to", "127.0.0.1:1"], "--links-to: of lines to central, and the plan has no links"],
  ] as const) {
    const refused = simulatePlan(of, "unheard", ...flags);
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining(words)]);
  }
});

test(
  "a truth is of one run's plan and seed: another one is refused, and so is a file that is none",
  { timeout: 60_000 },
  () => {
    const offline = ["--offline", "--for", "1s", "--start", "1700000000000"];
    const begun = simulate("of-one", ...offline, "--seed", "7");
    const bytes = readFileSync(begun.truth, "utf8");
    const other = simulate("of-one", ...offline, "--seed", "8");
    expect([other.status, other.stderr]).toEqual([
      2,
      expect.stringMatching(
        /of-one: it holds a run of seed 7, begun 2023-11-14T22:13:20.000Z; --seed is 8\n {2}→ name another file with --truth/,
      ),
    ]);
    const changedPlan = join(folder, "changed.yaml");
    writeFileSync(changedPlan, readFileSync(plan, "utf8").replace("spikes: { prob", "spikes: {  prob"));
    const changed = simulatePlan(changedPlan, "of-one", ...offline);
    expect([changed.status, changed.stderr]).toEqual([
      2,
      expect.stringMatching(/it holds a run of another plan, begun [^]*: the two differ from line 12 on/),
    ]);
    const text = join(folder, "text");
    writeFileSync(text, "two\nlines\n");
    const none = simulate("text", ...offline);
    expect([none.status, none.stderr]).toEqual([
      2,
      expect.stringContaining("it holds something else than a run"),
    ]);
    expect([readFileSync(begun.truth, "utf8"), readFileSync(text, "utf8")]).toEqual([bytes, "two\nlines\n"]);
    // Without --seed a run is gone on with by its own.
    const later = ["--offline", "--for", "1s", "--start", "1700000010000"];
    expect(simulate("of-one", ...later).status).toBe(0);
    const seeds = readFileSync(begun.truth, "utf8").matchAll(/"type":"run","version":1,"seed":(\d+)/g);
    expect([...seeds].map(([, seed]) => seed)).toEqual(["7", "7"]);
  },
);

test("what is no truth, no central's address or no plan is called so", { timeout: 60_000 }, () => {
  const text = join(folder, "no-truth");
  writeFileSync(text, "two\nlines\n");
  const main = join(import.meta.dirname, "main.ts");
  for (const [args, status, words] of [
    [["repeat", "--truth", text], 1, `cannot use the truth ${text}: no run begins in it`],
    [["verify", "--truth", text, "--central", "http://127.0.0.1:1"], 1, "no run begins in it"],
    [["verify", "--truth", text, "--central", "127.0.0.1:1"], 2, "127.0.0.1:1 is not http://HOST:PORT"],
    [["check", "--plan", "nosuch.yaml"], 2, "cannot read plan nosuch.yaml"],
  ] as const) {
    const refused = spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
    expect([refused.status, refused.stderr]).toEqual([status, expect.stringContaining(words)]);
  }
});

test("wrong use exits 2 and says the way out", { timeout: 60_000 }, () => {
  const result = simulate("refused", "--broker", "alpha");
  expect(result.status).toBe(2);
  expect(result.stderr).toContain("--broker alpha is not SITE=mqtt://host:port");
  const records = simulatePlan(join(plan, "../fraud.yaml"), "refused-records");
  expect([records.status, records.stderr]).toEqual([
    2,
    expect.stringContaining("--kafka HOST:PORT, --http URL, --mqtt URL, --postgres URL and --into FOLDER"),
  ]);
  const database = simulatePlan(
    join(plan, "../fraud.yaml"),
    "no-database",
    "--postgres",
    "postgres://x:5432",
  );
  expect([database.status, database.stderr]).toEqual([
    2,
    expect.stringContaining("--postgres is not postgres://USER@HOST:PORT/DATABASE"),
  ]);
  const broker = simulatePlan(join(plan, "../fraud.yaml"), "refused-broker", "--kafka", "kafka");
  expect([broker.status, broker.stderr]).toEqual([
    2,
    expect.stringContaining("--kafka: kafka is not HOST:PORT"),
  ]);
  const live = simulate("refused", "--into", folder);
  expect([live.status, live.stderr]).toEqual([
    2,
    expect.stringContaining("--into: of records, and the plan makes none"),
  ]);
});

test("orders by keyboard and over HTTP, with nobody to receive: all of it is in the truth, and made again", async () => {
  const truth = join(folder, "ordered");
  const main = join(import.meta.dirname, "main.ts");
  const flags = ["--broker", "alpha=mqtt://127.0.0.1:1", "--broker", "beta=mqtt://127.0.0.1:1"];
  const args = [
    main,
    "run",
    "--plan",
    plan,
    "--truth",
    truth,
    "--live",
    "--control",
    "0",
    "--drain",
    "0s",
    ...flags,
  ];
  const child = spawn(process.execPath, args);
  let said = "";
  // From the start: what comes while nobody listens is lost.
  child.stdout.on("data", (chunk) => (said += String(chunk)));
  const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(said);
      if (found !== null) return found;
      await once(child.stdout, "data");
    }
  };
  const [, url = ""] = await until(/orders are taken at (\S+)/);
  child.stdin.write("overheat beta/line-2/machine-3\n");
  await until(/done\n/);
  const fault = { fault: "stuck", sensor: "alpha/line-1/machine-1/pressure" };
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(fault) });
  expect(answer.status).toBe(200);
  await until(/is away; what is said waits/);
  child.stdin.write("quit\n");
  const [code] = await once(child, "exit");
  // Nothing was acknowledged; that the receiver is away is said once.
  expect(code).toBe(1);
  expect(said.split("is away; what is said waits").length - 1).toBe(1);
  const orders = readFileSync(truth, "utf8")
    .split("\n")
    .filter((line) => line.startsWith('{"type":"live"'));
  expect(orders).toHaveLength(2);
  const again = spawnSync(process.execPath, [main, "repeat", "--truth", truth], { encoding: "utf8" });
  expect([again.status, again.stdout]).toEqual([0, expect.stringContaining("each as in the truth")]);
});

test("machines and records live beside each other, killed and gone on with: one truth, made again in every line", async () => {
  const both = join(folder, "both.yaml");
  writeFileSync(
    both,
    `version: 1
sites: { alpha: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: 2 } }
business: { windows: [1s], orders: { perSecond: 200 } }
`,
  );
  const truth = join(folder, "both");
  const into = join(folder, "both-records");
  const main = join(import.meta.dirname, "main.ts");
  const args = [main, "run", "--plan", both, "--truth", truth, "--into", into, "--drain", "0s"];
  const first = spawn(process.execPath, [...args, "--for", "1h"], { stdio: "ignore" });
  const linesOf = (type: string) =>
    // What stands behind the last line feed may be the beginning of a line.
    (existsSync(truth) ? readFileSync(truth, "utf8").split("\n").slice(0, -1) : [])
      .filter((line) => line.startsWith(`{"type":"${type}"`))
      .map((line) => JSON.parse(line));
  await vi.waitUntil(() => linesOf("orders-window").length > 2);
  first.kill("SIGKILL");
  await once(first, "exit");
  const again = spawnSync(process.execPath, [...args, "--for", "2s"], { encoding: "utf8" });
  // Nobody took the readings.
  expect([again.status, again.stdout]).toEqual([
    1,
    expect.stringMatching(
      /readings generated, 0 acknowledged[^]*?(\d+) records made, \1 acknowledged, 0 not/,
    ),
  ]);
  const [begun, goneOn] = linesOf("run");
  expect([goneOn.plantStart, goneOn.recordsStart]).toEqual([begun.plantStart, begun.start]);
  const orders = readFileSync(join(into, "orders.jsonl"), "utf8").trimEnd().split("\n");
  const counted = linesOf("orders-window").reduce((sum, { count }) => sum + Number(count), 0);
  expect(new Set(orders).size).toBe(counted);
  const repeat = spawnSync(process.execPath, [main, "repeat", "--truth", truth], { encoding: "utf8" });
  expect([repeat.status, repeat.stdout]).toEqual([0, expect.stringContaining("each as in the truth")]);
});

test("a receiver of records that is away at the end is waited for no longer than --drain; who refuses them ends machines too", () => {
  const shop = join(folder, "nobody.yaml");
  const business = "business: { orders: { perSecond: 20 } }\n";
  writeFileSync(shop, `version: 1\n${business}`);
  const nobody = ["--mqtt", "mqtt://127.0.0.1:1", "--drain", "500ms"];
  const pace = [["--speed", "max"], []];
  for (const [index, speed] of pace.entries()) {
    const left = simulatePlan(shop, `nobody-${index}`, ...nobody, "--for", "1s", ...speed);
    expect([left.status, left.stdout]).toEqual([
      1,
      expect.stringMatching(/has not taken all within --drain 500 ms[^]*\d+ records made, 0 acknowledged/),
    ]);
  }
  const both = join(folder, "refused-both.yaml");
  const sites = `sites: { alpha: { broker: "mqtt://127.0.0.1:1", lines: 1, machinesPerLine: 1 } }\n`;
  writeFileSync(both, `version: 1\n${sites}${business}`);
  const into = mkdtempSync(join(folder, "somebody-"));
  writeFileSync(join(into, "orders.jsonl"), "somebody's\n");
  const refused = simulatePlan(both, "refused-both", "--for", "1h", "--into", into, "--drain", "0s");
  expect([refused.status, refused.stdout]).toEqual([
    1,
    expect.stringMatching(/EEXIST[^]*\d+ records made, 0 acknowledged/),
  ]);
}, 60_000);

test("a pace that leads nowhere is refused", () => {
  const refused = simulate("no-end", "--speed", "60");
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("--speed needs --for")]);
  expect(simulate("no-speed", "--speed", "quick", "--for", "1s").status).toBe(2);
});

test(
  "what cannot begin says so before anything runs, and leaves no truth; what was made without a receiver is told",
  { timeout: 60_000 },
  () => {
    const control = simulate("control", "--control", "99999");
    expect(control.status).toBe(2);
    expect(control.stderr).toContain("--control is 99999");
    expect(control.stdout).not.toContain("run");
    const business = join(folder, "business.yaml");
    writeFileSync(
      business,
      "version: 1\nbusiness:\n  orders: { perSecond: 5, payment: { declined: 0.1 } }\n",
    );
    const postgres = simulatePlan(business, "postgres", "--postgres", "nowhere");
    expect([postgres.status, existsSync(postgres.truth)]).toEqual([2, false]);
    const offline = simulate("told", "--offline", "--for", "2s");
    expect(offline.stdout).toContain(`360 readings made, the truth is in ${offline.truth}`);
  },
);
