import type { AlarmView } from "./live-frames.ts";

/** Why an alarm was not reset, as central's problems name it; `unreachable` where central gave no answer. */
export const RESET_PROBLEMS = [
  "condition_holds",
  "unknown_alarm",
  "agent_away",
  "agent_busy",
  "no_answer",
  "control_off",
  "unreachable",
] as const;
export type ResetProblem = (typeof RESET_PROBLEMS)[number];

/** Asks central to have the alarm's agent reset it; null once the agent has. */
export async function resetAlarm(
  { agent, id }: Pick<AlarmView, "agent" | "id">,
  post: typeof fetch = fetch,
): Promise<ResetProblem | null> {
  try {
    const response = await post("/api/v1/alarms/reset", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ agent, id }),
    });
    if (response.ok) return null;
    const problem: unknown = await response.json();
    const code = typeof problem === "object" && problem !== null && "code" in problem ? problem.code : null;
    return RESET_PROBLEMS.find((known) => known === code) ?? "unreachable";
  } catch {
    return "unreachable";
  }
}
