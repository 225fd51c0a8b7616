import type { AlarmView } from "../feed/live-frames.ts";
import { nameList } from "../text/name-list.ts";
import type { Speaker } from "../text/speaker.ts";

interface AlarmWindowProps {
  readonly alarm: AlarmView;
  /** Its metric is read from a stream, and those that it lacked are partitions. */
  readonly isOfRecords: boolean;
  readonly nowMs: number;
  readonly speaker: Speaker;
}

/** The window that has raised an alarm of central's, and whose data it lacked when it was judged. */
export function AlarmWindow({ alarm: { id, window }, isOfRecords, nowMs, speaker }: AlarmWindowProps) {
  if (window === undefined) return null;
  const { name, value, startMs, endMs, isComplete, agentsExpected, agentsReporting, agentsMissing } = window;
  const [from, to] = [startMs, endMs].map((ms) => speaker.moment(ms, nowMs));
  const text =
    value === ""
      ? speaker.text("alarms.windowSilent", { window: name, from, to })
      : speaker.text("alarms.window", { value, window: name, from, to });
  const missingCount = Math.max(agentsMissing.length, agentsExpected - agentsReporting);
  return (
    <p class="of-window" data-testid={`window-${id}`}>
      {text}
      {" — "}
      {speaker.text(isOfRecords ? "windows.partitionsOf" : "windows.agentsOf", {
        reporting: agentsReporting,
        expected: agentsExpected,
      })}
      {!isComplete && agentsMissing.length > 0 && (
        <>
          {" — "}
          <b>{speaker.text("windows.missing", { names: nameList(agentsMissing, speaker, missingCount) })}</b>
        </>
      )}
    </p>
  );
}
