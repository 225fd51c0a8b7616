import type { AlarmEvent } from "@millrace/detect";
import type { AgentRequest, Compression } from "@millrace/wire";
import { pushedIn } from "../reload/pushed-in.ts";
import { isTakenOver, type ReloadReport } from "../reload/reload-report.ts";
import type { PushedPipeline } from "../reload/stored-pipeline.ts";
import type { CarriedOut } from "./request-desk.ts";

/** What central may ask of an agent. */
export interface RequestTarget {
  readonly compression: Compression;
  activeAlarms(): readonly AlarmEvent[];
  resetAlarms(which: string, by: string): { readonly resetCount: number };
  /** Absent where nothing can. */
  readonly pushPipeline?: ((pushed: PushedPipeline) => Promise<ReloadReport>) | undefined;
}

/** Does what central asks for. */
export function carryOut(request: AgentRequest, target: RequestTarget): CarriedOut | Promise<CarriedOut> {
  switch (request.kind) {
    case "reset_alarm":
      return { outcome: reset(request, target) };
    case "set_pipeline":
      return takePipeline(request, target);
    default:
      return { outcome: "not_understood" };
  }
}

function reset({ alarm, by }: AgentRequest, target: RequestTarget): CarriedOut["outcome"] {
  const found = target.activeAlarms().find(({ id }) => id === alarm);
  if (found === undefined) return "no_such_alarm";
  if (target.resetAlarms(alarm, `central: ${by}`).resetCount > 0) return "done";
  return found.clearedAtMs === null ? "condition_holds" : "no_such_alarm";
}

async function takePipeline(request: AgentRequest, target: RequestTarget): Promise<CarriedOut> {
  const { pushPipeline, compression } = target;
  if (request.pipeline === undefined || pushPipeline === undefined) return { outcome: "not_understood" };
  const pushed = pushedIn(request.pipeline, request.by, compression);
  if (pushed === undefined) return { outcome: "refused", detail: "it was damaged on its way" };
  const report = await pushPipeline(pushed);
  return { outcome: isTakenOver(report) ? "done" : "refused", detail: report.detail };
}
