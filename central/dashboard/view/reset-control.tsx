import { useState } from "preact/hooks";
import type { AlarmView } from "../feed/live-frames.ts";
import { resetAlarm } from "../feed/reset-alarm.ts";
import type { ResetProblem } from "../feed/reset-alarm.ts";
import type { Speaker } from "../text/speaker.ts";

type Stage = "idle" | "sure" | "asking" | ResetProblem;

/** Resets a latched alarm whose condition is over, after a second click. The row itself goes when the agent has done it. */
export function ResetControl({ alarm, speaker }: { readonly alarm: AlarmView; readonly speaker: Speaker }) {
  const [stage, setStage] = useState<Stage>("idle");
  const reset = async () => {
    setStage("asking");
    const problem = await resetAlarm(alarm);
    // Done: the alarm's own step, which is on its way, takes this control off the page.
    if (problem !== null) setStage(problem);
  };
  const isProblem = stage !== "idle" && stage !== "sure" && stage !== "asking";
  return (
    <div class="reset" data-testid="reset">
      {stage === "sure" ? (
        <>
          <button type="button" class="sure" onClick={() => void reset()}>
            {speaker.text("reset.sure")}
          </button>
          <button type="button" class="quiet" onClick={() => setStage("idle")}>
            {speaker.text("reset.cancel")}
          </button>
        </>
      ) : (
        <button
          type="button"
          disabled={stage === "asking"}
          title={speaker.text("reset.hint")}
          onClick={() => setStage("sure")}
        >
          {speaker.text(stage === "asking" ? "reset.asking" : "reset.reset")}
        </button>
      )}
      {/* Always there, so that what comes into it is read out. */}
      <span role="status">{isProblem && speaker.text(`reset.${stage}`)}</span>
    </div>
  );
}
