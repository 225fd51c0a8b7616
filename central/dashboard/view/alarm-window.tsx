import type { AlarmView } from "../feed/live-frames.ts";
import type { Speaker } from "../text/speaker.ts";

interface AlarmWindowProps {
  readonly alarm: AlarmView;
  readonly nowMs: number;
  readonly speaker: Speaker;
}

/** The window that has raised an alarm of central's, and whose data it lacked when it was judged. */
export function AlarmWindow({ alarm: { id, window }, nowMs, speaker }: AlarmWindowProps) {
  if (window === undefined) return null;
  const { name, value, startMs, endMs, isComplete, agentsExpected, agentsReporting, agentsMissing } = window;
  const [from, to] = [startMs, endMs].map((ms) => speaker.moment(ms, nowMs));
  const text =
    value === ""
      ? speaker.text("alarms.windowSilent", { window: name, from, to })
      : speaker.text("alarms.window", { value, window: name, from, to });
  const more = agentsExpected - agentsReporting - agentsMissing.length;
  const names = [...agentsMissing, ...(more > 0 ? ["…"] : [])].join(", ");
  return (
    <p class="of-window" data-testid={`window-${id}`}>
      {text}
      {" — "}
      {speaker.text("windows.agentsOf", { reporting: agentsReporting, expected: agentsExpected })}
      {!isComplete && agentsMissing.length > 0 && (
        <>
          {" — "}
          <b>{speaker.text("windows.missing", { names })}</b>
        </>
      )}
    </p>
  );
}
