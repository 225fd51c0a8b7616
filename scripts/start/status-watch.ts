import { AlarmWatch } from "./alarm-watch.ts";
import { centralLedger } from "./central-status.ts";
import type { Line } from "./line.ts";
import type { StageLog } from "./stage-log.ts";

const LOOK_MS = 200;
const STATUS_MS = 1_000;

/** Follows central while the line runs: alarms as they come, and a status line. Returns how to end it. */
export function watchLine(line: Line, log: StageLog): { readonly end: () => Promise<void> } {
  const alarms = new AlarmWatch(log);
  let isEnded = false;
  const loop = async (): Promise<void> => {
    let last = { atMs: performance.now(), received: 0 };
    while (!isEnded) {
      try {
        await alarms.look(line.client);
        const elapsedMs = performance.now() - last.atMs;
        if (elapsedMs >= STATUS_MS) {
          const { sum } = await centralLedger(line.client);
          const rate = Math.max(0, Math.round(((sum.received - last.received) * 1_000) / elapsedMs));
          last = { atMs: performance.now(), received: sum.received };
          log.status(
            `${rate} readings/s, ${sum.received.toLocaleString("en-US")} at central, ${alarms.activeCount} alarms active, ${line.restartCount} restarts`,
          );
        }
      } catch {
        log.status("central does not answer");
      }
      await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));
    }
  };
  const ended = loop();
  return {
    end: async () => {
      isEnded = true;
      await ended;
      log.endStatus();
    },
  };
}
