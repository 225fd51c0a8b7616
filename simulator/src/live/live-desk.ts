import type { FaultPlan } from "../plan/fault-plan.ts";
import type { SiteLine } from "../link/site-line.ts";
import type { LiveOrder } from "./live-order.ts";
import { LIVE_HELP, parseLiveLine } from "./parse-live-line.ts";

/** What orders are given to. */
export interface LiveRun {
  /** In words why it cannot be; null: it is obeyed. */
  live(order: LiveOrder): string | null;
  readonly activeFaults: ReadonlyMap<number, FaultPlan>;
  readonly lines: readonly SiteLine[];
  stopGenerating(): void;
}

/** Answers what a person types, line by line. */
export class LiveDesk {
  readonly #run: LiveRun;

  constructor(run: LiveRun) {
    this.#run = run;
  }

  answer(line: string): string {
    const parsed = parseLiveLine(line);
    switch (parsed.kind) {
      case "nothing":
        return "";
      case "help":
        return LIVE_HELP;
      case "faults":
        return this.#faults();
      case "quit":
        this.#run.stopGenerating();
        return "the machines stop\n";
      case "problem":
        return `${parsed.problem}\n`;
      case "order": {
        const problem = this.#run.live(parsed.order);
        return problem === null ? "done\n" : `not done: ${problem}\n`;
      }
    }
  }

  #faults(): string {
    const lines = [...this.#run.activeFaults].map(
      ([number, fault]) => `${number}  ${fault.fault}  ${placeOf(fault)}\n`,
    );
    const links = this.#run.lines
      .filter(({ state, isOrdered }) => state !== "up" || isOrdered)
      .map(({ site, state, isOrdered }) => `line of ${site}  ${state}${isOrdered ? "  as ordered" : ""}\n`);
    return [...(lines.length === 0 ? ["no fault is there\n"] : lines), ...links].join("");
  }
}

function placeOf(fault: FaultPlan): string {
  const machine = "machine" in fault ? [fault.line, fault.machine] : [];
  return [fault.site, ...machine, ...("metric" in fault ? [fault.metric] : [])].join("/");
}
