import { readFileSync } from "node:fs";
import type { WindowResult } from "@millrace/stream";
import type { Verdict } from "../../simulator/src/verify/verify-truth.ts";
import type { CentralHarness } from "./central-harness.ts";
import { expectVerdict } from "./expect-verdict.ts";
import type { Works } from "./works.ts";

/** Orders of a simulated shop, and what is true of them. */
export interface SimulatedOrders {
  /** One JSON text each, in order of event time. */
  readonly lines: readonly string[];
  readonly truthPath: string;
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
  if ((await simulator.exit()) !== 0) throw new Error(`the simulator failed:\n${simulator.log}`);
  const lines = readFileSync(`${folder}/orders.jsonl`, "utf8").split("\n");
  return { lines: lines.filter((line) => line !== ""), truthPath };
}

/** Waits until central's windows and ledger of records are as the truth has them; throws with the verdict as it stands. */
export function expectRecords(central: CentralHarness, truthPath: string): Promise<Verdict> {
  return expectVerdict(central, truthPath, undefined, ({ records }) => records?.hasEnded === true);
}

export async function windowsOf(central: CentralHarness, window: string): Promise<readonly WindowResult[]> {
  const answer = await fetch(
    `http://127.0.0.1:${central.httpPort}/api/v1/windows?window=${window}&limit=1000`,
  );
  const { windows }: { windows: WindowResult[] } = JSON.parse(await answer.text());
  return windows;
}
