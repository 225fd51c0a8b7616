import type { FastifyInstance } from "fastify";
import type { RecordBatch, RecordOutcome, ToldRecord } from "../../records/record-batch.ts";
import type { RecordStreamView } from "../../records/record-stream-view.ts";
import { ProblemError } from "../problem.ts";
import { recordLines } from "../record-lines.ts";
import { PostedBodies } from "./posted-bodies.ts";

/** Where records go. */
export interface RecordTarget {
  recordStreams(): readonly RecordStreamView[];
  /** What became of them, once that is durable; null: no room now. Rejects with `NotReady`. */
  offerRecords(stream: string, batch: RecordBatch): Promise<RecordOutcome> | null;
}

const BODY_BYTES_MAX = 16 * 1024 * 1024;
const RETRY_AFTER_S = 1;

/** `POST /api/v1/records/{stream}`: JSON lines or an array, answered once what became of them is durable. */
export function addRecordRoutes(app: FastifyInstance, target: RecordTarget): void {
  const bodies = new PostedBodies({ busy });
  app.get("/api/v1/records", (_request, reply) =>
    reply.header("cache-control", "private, no-cache").send({ streams: target.recordStreams() }),
  );
  void app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, parsed) => parsed(null, body));
    scope.post<{ Params: { stream: string } }>(
      "/api/v1/records/:stream",
      {
        bodyLimit: BODY_BYTES_MAX,
        // Before the body is read.
        onRequest: async (request) => {
          requireStream(target, request.params.stream);
          PostedBodies.requireEncoding(request.headers["content-encoding"]);
        },
        preParsing: async (request, reply, payload) =>
          bodies.read(payload, request.headers["content-encoding"], reply),
      },
      async (request, reply) => {
        const { stream } = request.params;
        const { body, headers } = request;
        const found = recordLines(body instanceof Uint8Array ? body : NOTHING, headers["content-type"]);
        if ("problem" in found) throw new ProblemError("bad_request", found.problem);
        const { values, places, placeName } = found;
        const batch = { partition: 0, values, offsets: null, nextOffset: null, isAtEnd: true };
        const taken = target.offerRecords(stream, batch);
        if (taken === null) throw busy(reply);
        const { rejected, aside, ...counts } = await taken;
        const told = ({ index, ...why }: ToldRecord) => ({ [placeName]: places[index], ...why });
        return reply
          .header("cache-control", "no-store")
          .send({ stream, ...counts, rejected: rejected.map(told), aside: aside.map(told) });
      },
    );
    done();
  });
}

const NOTHING = new Uint8Array(0);

function busy(reply: { header(name: string, value: number): unknown }): ProblemError {
  reply.header("retry-after", RETRY_AFTER_S);
  return new ProblemError(
    "too_many_records",
    "records come faster than they can be made durable; send these again",
  );
}

function requireStream(target: RecordTarget, stream: string): void {
  const streams = target.recordStreams();
  const view = streams.find((each) => each.stream === stream);
  if (view?.source === "http") return;
  const posted = streams.flatMap((each) => (each.source === "http" ? each.stream : []));
  const known = posted.length === 0 ? "there are none over HTTP" : `there are ${posted.join(", ")}`;
  const reason = view === undefined ? "no metric reads such a stream" : `it is read from ${view.source}`;
  throw new ProblemError("unknown_stream", `${stream}: ${reason}; ${known}`);
}
