import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { hostRefusal } from "@millrace/runtime";
import { listenOn } from "../listen-on.ts";
import { issueText } from "./issue-text.ts";
import type { LiveRun } from "./live-desk.ts";
import { liveOrderSchema } from "./live-order.ts";

const HOST = "127.0.0.1";
const BODY_BYTES_MAX = 65_536;

interface Answer {
  readonly status: number;
  readonly body: object;
}

/**
 * Orders over HTTP, on loopback only:
 *
 *   GET    /faults           what is there now
 *   POST   /faults           a fault as in a plan, without `at`
 *   DELETE /faults/<number>  ends it
 *   GET    /links            the lines to central: {"site", "state", "isOrdered"}
 *   POST   /links            {"site", "state": "up" | "down" | "half-open" | "plan"}
 *   POST   /junk             {"site", "count"}
 *
 * Bodies are `application/json`, which a page of another origin cannot send unasked.
 */
export class LiveServer {
  readonly #server: Server;

  private constructor(run: LiveRun) {
    this.#server = createServer((request, response) => void respond(run, request, response));
    this.#server.requestTimeout = 10_000;
  }

  /** Throws port_in_use. */
  static async listen(run: LiveRun, port: number): Promise<LiveServer> {
    const live = new LiveServer(run);
    await listenOn(live.#server, {
      host: HOST,
      port,
      purpose: "orders while it runs",
      setting: "--control",
    });
    return live;
  }

  get port(): number {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("invariant: it listens on a port");
    return address.port;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

async function respond(run: LiveRun, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, body } = await answerTo(run, request);
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(`${JSON.stringify(body)}\n`);
}

async function answerTo(run: LiveRun, request: IncomingMessage): Promise<Answer> {
  const refusal = hostRefusal(request.headers.host, []);
  if (refusal !== null) return problem(403, refusal);
  if (request.headers.origin !== undefined) return problem(403, "a web page gives no orders");
  const { method = "", url = "" } = request;
  const path = url.split("?")[0];
  if (method === "GET" && path === "/faults")
    return { status: 200, body: { faults: [...run.activeFaults.values()] } };
  if (method === "GET" && path === "/links") return { status: 200, body: { links: run.lines } };
  const number = /^\/faults\/(\d+)$/.exec(path)?.[1];
  if (method === "DELETE" && number !== undefined) return order(run, { do: "end", number: Number(number) });
  if (method !== "POST")
    return problem(
      404,
      "there are GET and POST /faults, DELETE /faults/<number>, GET and POST /links, POST /junk",
    );
  if (!(request.headers["content-type"] ?? "").startsWith("application/json"))
    return problem(415, "send application/json");
  const given = await readJson(request);
  if (given === undefined) return problem(400, "the body is no JSON, or too long");
  switch (path) {
    case "/faults":
      return order(run, { do: "fault", fault: given });
    case "/links":
      return order(run, typeof given === "object" ? { ...given, do: "link" } : given);
    case "/junk":
      return order(run, typeof given === "object" ? { ...given, do: "junk" } : given);
    default:
      return problem(404, "orders go to /faults, /links and /junk");
  }
}

function order(run: LiveRun, given: unknown): Answer {
  const parsed = liveOrderSchema.safeParse(given);
  if (!parsed.success) return problem(400, issueText(parsed.error, given));
  const refused = run.live(parsed.data);
  if (refused !== null) return problem(400, refused);
  if (parsed.data.do === "link") return { status: 200, body: { obeyed: "at once", links: run.lines } };
  // What is ordered now is not there yet.
  const body = { obeyed: "from the next tick on; GET /faults", faults: [...run.activeFaults.values()] };
  return { status: 200, body };
}

function problem(status: number, error: string): Answer {
  return { status, body: { error } };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > BODY_BYTES_MAX) return undefined;
      chunks.push(bytes);
    }
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}
