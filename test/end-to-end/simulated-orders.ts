import { readFileSync } from "node:fs";
import type { WindowResult } from "@millrace/stream";
import { expect } from "vitest";
import type { CentralHarness } from "./central-harness.ts";
import { until } from "./until.ts";
import type { Works } from "./works.ts";

interface Totals {
  readonly count: number;
  readonly sum: number;
  readonly failed: number;
}

/** Orders of a simulated shop, and what is true of them. */
export interface SimulatedOrders {
  /** One JSON text each, in order of event time. */
  readonly lines: readonly string[];
  /** By start of the minute and region. */
  readonly minutes: ReadonlyMap<string, Totals>;
}

/** 2025-11-10, ten in the evening in Shanghai. */
const START_MS = 1_762_783_200_000;

/** The orders of so long a time, by the simulator's own program. */
export async function simulatedOrders(works: Works, length: string): Promise<SimulatedOrders> {
  const [folder, truthPath] = [works.path("records"), works.path("records-truth.jsonl")];
  const plan = ["--plan", "simulator/plans/festival.yaml", "--start", String(START_MS), "--for", length];
  const place = ["--truth", truthPath, "--offline", "--into", folder];
  const simulator = works.process("simulator", "simulator/src/main.ts", ["run", ...plan, ...place]);
  simulator.start();
  if ((await simulator.exit(60_000)) !== 0) throw new Error(`the simulator failed:\n${simulator.log}`);
  const minutes = new Map<string, Totals>();
  for (const line of linesOf(truthPath)) {
    const truth: { type: string; start: number; end: number; byRegion: Record<string, Totals> } =
      JSON.parse(line);
    if (truth.type !== "orders-window" || truth.end - truth.start !== 60_000) continue;
    for (const [region, totals] of Object.entries(truth.byRegion))
      minutes.set(`${truth.start} ${region}`, totals);
  }
  return { lines: linesOf(`${folder}/orders.jsonl`), minutes };
}

/** Central's windows by minute and region are the truth's: every order once, to the cent, and the failure rate. */
export async function expectMinutes(
  central: CentralHarness,
  truth: SimulatedOrders["minutes"],
): Promise<void> {
  const total = [...truth.values()].reduce((sum, { count }) => sum + count, 0);
  // What is durable is shown within 250 ms.
  await until("all orders are shown", async () => {
    const windows = await windowsOf(central, "payments_1m");
    return windows.reduce((sum, { values }) => sum + values["count"], 0) >= total;
  });
  const found = new Map<string, Totals>();
  const failed = new Map<string, number>();
  for (const { group, startMs, values } of await windowsOf(central, "payments_1m"))
    failed.set(`${startMs} ${group["region"]}`, Math.round(values["ratio"] * values["count"]));
  for (const { group, startMs, values } of await windowsOf(central, "orders_1m")) {
    const key = `${startMs} ${group["region"]}`;
    const sum = Math.round(values["sum"] * 100) / 100;
    found.set(key, { count: values["count"], sum, failed: failed.get(key) ?? 0 });
  }
  const rounded = [...truth].map(([key, { count, sum, failed: of }]) => [
    key,
    { count, sum: Math.round(sum * 100) / 100, failed: of },
  ]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(rounded));
}

export async function windowsOf(central: CentralHarness, window: string): Promise<readonly WindowResult[]> {
  const answer = await fetch(
    `http://127.0.0.1:${central.httpPort}/api/v1/windows?window=${window}&limit=1000`,
  );
  const { windows }: { windows: WindowResult[] } = JSON.parse(await answer.text());
  return windows;
}

function linesOf(path: string): string[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
}
