import type { FastifyInstance } from "fastify";
import type { EventStream } from "../event-stream.ts";
import { ProblemError } from "../problem.ts";
import type { Rights } from "../rights.ts";
import { SECURITY_HEADERS } from "../security-headers.ts";
import { parseQuery } from "../window-query.ts";

/** What is published, as it is published. */
export function addStreamRoute(
  app: FastifyInstance,
  { stream, rights }: { readonly stream: EventStream; readonly rights: Rights },
): void {
  // A HEAD of it would be one more client that never ends.
  app.get("/api/v1/stream", { exposeHeadRoute: false }, async (request, reply) => {
    if (stream.isFull) throw new ProblemError("too_many_clients", "close other dashboards and try again");
    const asked = parseQuery(request.query).get("lastEventId");
    const lastEventId = request.headers["last-event-id"];
    reply.hijack();
    stream.add(reply.raw, {
      headers: SECURITY_HEADERS,
      lastEventId: typeof lastEventId === "string" ? lastEventId : asked,
      isControlAllowed: rights.sessionView(request).isControlAllowed,
      isAllowed: () => rights.mayRead(request),
    });
  });
}
