// A shop's festival from the simulator over HTTP into the real central, with records that come late, twice or spoilt and central
// killed in the middle: its windows and its ledger are the truth's.
import path from "node:path";
import { secretDigest } from "@millrace/runtime";
import { expect, test } from "vitest";
import { readTruth } from "../../simulator/src/truth/read-truth.ts";
import { CentralHarness } from "./central-harness.ts";
import { expectRecords } from "./simulated-orders.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const PIPELINE = path.resolve(import.meta.dirname, "../../pipelines/orders.yaml");
/** 2025-11-10, ten in the evening in Shanghai. */
const START_MS = 1_762_783_200_000;

const PLAN = `version: 1
seed: 1111
business:
  time: local
  windows: [10s, 1m]
  delivery:
    lateness: { distribution: lognormal, median: 200ms, max: 30s }
    reorder: { probability: 0.02, by: 10s }
    duplicates: { probability: 0.03, within: 20s }
    malformed: { probability: 0.01 }
  orders:
    perSecond: 10
    payment: { perSecond: 120, declined: 0.01, retry: { share: 0.6, after: 20s } }
    festival: { at: 2m, peak: 30, warmUp: 1m, rise: 10s, decay: 2m }
`;

const ackedOf = async (truthPath: string): Promise<number> => {
  let records = 0;
  for await (const line of readTruth(truthPath)) if (line.type === "records-acked") ({ records } = line);
  return records;
};

test(
  "festival over HTTP, with delivery faults and kill -9 of central and of the simulator",
  { timeout: 300_000 },
  async () => {
    const works = new Works();
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: PIPELINE,
      agents: [],
      config: { records: { orders: { http: {} } } },
    });
    const truthPath = works.path("truth.jsonl");
    const plan = ["--plan", works.write("plan.yaml", PLAN), "--truth", truthPath];
    const pace = ["--start", String(START_MS), "--for", "6m", "--speed", "60"];
    const way = ["--http", `http://127.0.0.1:${central.httpPort}/api/v1/records`, "--streams", "orders"];
    const args = ["run", ...plan, ...pace, ...way];
    const simulator = works.process("simulator", "simulator/src/main.ts", args);
    simulator.start();
    await until("it says that nobody is there", () => simulator.log.includes("is away"));
    await central.start();
    await until("records come", async () => (await ackedOf(truthPath)) > 1_000);
    await until("it says that central is back", () => simulator.log.includes("is back"));
    await central.process.kill();
    await simulator.kill();
    simulator.start();
    await central.start();
    expect(await simulator.exit()).toBe(0);
    const { records, windows } = await expectRecords(central, truthPath);
    expect(windows).toEqual([]);
    expect(records?.windows.map(({ window }) => window)).toEqual([
      "orders_1m",
      "orders_by_category_1m",
      "payments_1m",
      "payments_by_category_1m",
    ]);
    expect(records?.windows.every(({ right, unsure }) => right > 12 && unsure === 0)).toBe(true);
    expect(records?.ruleAlarms).toMatchObject([{ rule: "payments_failing", missed: 0, wrong: 0 }]);
    expect(records?.ruleAlarms[0].right).toBeGreaterThan(0);
    expect(records?.sent).toBeGreaterThan(10_000);
    expect(Math.min(records?.again ?? 0, records?.spoilt ?? 0)).toBeGreaterThan(50);
    // The last windows wait for records that do not come.
    const unjudged = records?.unjudged.filter(({ why }) => !why.includes("may change still"));
    expect(unjudged).toEqual([{ what: "stream refunds", why: "it was not sent" }]);
    expect(await central.process.stop()).toBe(0);
  },
);

test(
  "a central that asks who it is: records are posted and verified with a token from a file, and not without",
  { timeout: 120_000 },
  async () => {
    const works = new Works();
    const token = "a-token-that-nobody-knows";
    const tokenHash = `sha256:${secretDigest(token).toString("hex")}`;
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: PIPELINE,
      agents: [],
      config: { records: { orders: { http: {} } } },
      http: { tokens: [{ name: "simulator", tokenHash, role: "operate" }] },
    });
    const url = `http://127.0.0.1:${central.httpPort}`;
    const truth = works.path("truth.jsonl");
    const plan = works.write(
      "plan.yaml",
      "version: 1\nseed: 3\nbusiness: { time: local, orders: { perSecond: 40 } }\n",
    );
    const what = ["run", "--plan", plan, "--for", "20s", "--speed", "max", "--streams", "orders"];
    const way = ["--http", `${url}/api/v1/records`];
    const main = "simulator/src/main.ts";
    const unknown = works.process("unknown", main, [...what, ...way, "--truth", works.path("unknown.jsonl")]);
    const tokenFile = works.write("token", `${token}\n`);
    const flags = ["--http-token-file", tokenFile, "--truth", truth];
    const simulator = works.process("simulator", main, [...what, ...way, ...flags]);
    const judge = ["verify", "--truth", truth, "--central", url];
    const outside = works.process("outside", main, judge);
    const verify = works.process("verify", main, judge, { env: { MILLRACE_TOKEN: token } });
    await central.start();
    unknown.start();
    expect(await unknown.exit(30_000)).toBe(1);
    expect(unknown.log).toMatch(/cannot post orders: it answered 401.*--http-token-file/);
    simulator.start();
    expect(await simulator.exit(30_000)).toBe(0);
    outside.start();
    expect(await outside.exit()).toBe(1);
    await until(
      "verify says that all is right",
      async () => {
        verify.start();
        return (await verify.exit()) === 0;
      },
      30_000,
    );
  },
);
