import { reasonOf } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { FastifyReply } from "fastify";
import { NotReady } from "../commit/not-ready.ts";
import type { CentralReader } from "./central-reader.ts";
import { problem, ProblemError } from "./problem.ts";
import { sendProblem } from "./send-problem.ts";

/** As often as a failed commit is tried again. */
const NOT_READY_RETRY_AFTER_S = 5;

/** Answers with what kept a request from its answer: the request's fault, central's for now, or central's own. */
export function answerError(
  error: unknown,
  reply: FastifyReply,
  { reader, log }: { readonly reader: Pick<CentralReader, "health">; readonly log: Logger },
): FastifyReply {
  if (error instanceof ProblemError) {
    if (error.problem.status === 401) reply.header("www-authenticate", 'Bearer realm="millrace-central"');
    return sendProblem(reply, error.problem);
  }
  const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
  if (status === 413) {
    readPast(reply);
    return sendProblem(reply, problem("too_large", tooLarge(reply)));
  }
  if (status === 415) return sendProblem(reply, problem("unsupported", reasonOf(error)));
  if (status >= 400 && status < 500)
    return sendProblem(reply, { ...problem("bad_request", reasonOf(error)), status });
  const { isReady, reason } = reader.health();
  // What cannot be read or made durable then is no fault of the request's, nor of what answers it.
  if (error instanceof NotReady || !isReady) {
    // Everybody asks again and again meanwhile.
    if (error instanceof Error && !(error instanceof NotReady))
      log.repeated(error.name, "cannot answer a request", { reason: reasonOf(error) });
    reply.header("retry-after", NOT_READY_RETRY_AFTER_S);
    return sendProblem(reply, problem("not_ready", error instanceof NotReady ? error.message : reason));
  }
  log.error("cannot answer a request", { reason: reasonOf(error) });
  return sendProblem(reply, problem("internal", "the log says more"));
}

function tooLarge({ request }: FastifyReply): string {
  const bytesMax = request.routeOptions.bodyLimit;
  const shown = bytesMax < 2 ** 20 ? `${bytesMax / 2 ** 10} KiB` : `${bytesMax / 2 ** 20} MiB`;
  const unpacked = request.headers["content-encoding"] === undefined ? "" : " when unpacked";
  return `the body has more than ${bytesMax} bytes (${shown})${unpacked}; send less at once`;
}

/**
 * Fastify would close the connection of a body that is too large, and the reset that comes of what was not read could reach the sender
 * before the answer does. So the rest is read past, for as long as a request may take.
 */
function readPast(reply: FastifyReply): void {
  reply.removeHeader("connection");
  reply.request.raw.unpipe().resume();
}
