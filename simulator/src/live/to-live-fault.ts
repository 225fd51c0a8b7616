import type { FaultPlan } from "../plan/fault-plan.ts";
import { parsePlanFile } from "../plan/load-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { planSchema } from "../plan/plan-schema.ts";
import { toFaultPlan } from "../plan/to-fault-plan.ts";
import { issueText } from "./issue-text.ts";

/** A fault that was ordered, resolved as if it stood in the plan; or in words what is wrong with it. */
export function toLiveFault(
  plan: Plan,
  given: Readonly<Record<string, unknown>>,
  times: { readonly number: number; readonly sinceStartMs: number },
): FaultPlan | string {
  if (Object.hasOwn(given, "at")) return "at: what is ordered begins now; leave it out";
  const parsed = planSchema.shape.faults.unwrap().element.safeParse({ ...given, at: "0s" });
  if (!parsed.success) return issueText(parsed.error, given);
  const problems: string[] = [];
  const file = { ...parsePlanFile(plan.text, "the plan"), faults: [parsed.data] };
  const fault = toFaultPlan(file, 0, { addProblem: (_path, message) => problems.push(message) });
  if (problems.length > 0) return problems.join("; ");
  const { number, sinceStartMs } = times;
  return { ...fault, number, atMs: sinceStartMs, endMs: sinceStartMs + fault.endMs };
}
