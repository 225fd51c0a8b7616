import type { CentralAlarm, CentralClient } from "../../simulator/src/verify/central-client.ts";
import type { StageLog } from "./stage-log.ts";

/** Tells of each alarm once per state. */
export class AlarmWatch {
  readonly #log: StageLog;
  readonly #told = new Map<string, string>();
  #activeCount = 0;

  constructor(log: StageLog) {
    this.#log = log;
  }

  get activeCount(): number {
    return this.#activeCount;
  }

  async look(client: CentralClient): Promise<void> {
    const alarms = await client.alarms();
    this.#activeCount = alarms.filter((alarm) => alarm.clearedAtMs === null).length;
    for (const alarm of alarms) {
      const state = alarm.clearedAtMs === null ? alarm.action : "cleared";
      if (this.#told.get(alarm.id) === state) continue;
      this.#told.set(alarm.id, state);
      this.#log.stage(describe(alarm, state));
    }
  }
}

function describe(alarm: CentralAlarm, state: string): string {
  const place = ["site", "line", "machine"]
    .map((label) => alarm.labels[label])
    .filter((value) => value !== undefined)
    .join("/");
  const name = `alarm ${alarm.rule} ${place}`;
  switch (state) {
    case "cleared":
      return `${name}: back to normal at ${alarm.value}`;
    case "commanded":
      return `${name}: ${alarm.value}; stop commanded`;
    case "confirmed": {
      const { commandedAtMs, confirmedAtMs } = alarm.command ?? { commandedAtMs: 0, confirmedAtMs: null };
      return `${name}: stop confirmed${confirmedAtMs === null ? "" : ` after ${confirmedAtMs - commandedAtMs} ms`}`;
    }
    default:
      return `${name}: ${alarm.value}${state === "none" ? "" : `; stop ${state}`}`;
  }
}
