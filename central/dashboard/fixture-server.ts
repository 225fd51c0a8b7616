/// <reference types="node" />
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import path from "node:path";
import { FixturePlant } from "./fixture-plant.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
};
const FRAME_INTERVAL_MS = 500;

export interface FixtureServer {
  readonly url: string;
  readonly plant: FixturePlant;
  /** Ends every open stream, as a restart of central would; the page must come back by itself. */
  dropStreams(): void;
  /** Stops frames but keeps connections open: a half-open link. */
  freeze(isFrozen: boolean): void;
  close(): Promise<void>;
}

/** Serves a built page and an invented plant behind it. For looking at the page, and for tests of it. */
export async function startFixtureServer(
  distFolder: string,
  plant = new FixturePlant(Date.now()),
): Promise<FixtureServer> {
  const streams = new Set<ServerResponse>();
  let isFrozen = false;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://fixture");
    if (pathname === "/api/v1/session") {
      const session = { isLoginNeeded: false, user: null, isControlAllowed: true };
      return void response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(session));
    }
    if (pathname === "/api/v1/records") {
      response.setHeader("content-type", "application/json");
      return void response.end(JSON.stringify({ streams: [] }));
    }
    if (pathname !== "/api/v1/stream") return void serveFile(distFolder, pathname, response);
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(frame("snapshot", plant.snapshot()));
    streams.add(response);
    response.on("close", () => streams.delete(response));
  });
  const timer = setInterval(() => {
    if (isFrozen) return;
    const delta = plant.advance(Date.now());
    for (const stream of streams) stream.write(frame("delta", delta));
  }, FRAME_INTERVAL_MS);
  const port = await listen(server);
  const dropStreams = () => {
    for (const stream of streams) stream.destroy();
  };
  return {
    url: `http://127.0.0.1:${port}/`,
    plant,
    dropStreams,
    freeze: (frozen) => {
      isFrozen = frozen;
    },
    close: () => {
      clearInterval(timer);
      dropStreams();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function frame(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

async function serveFile(distFolder: string, pathname: string, response: ServerResponse): Promise<void> {
  const name = path.basename(pathname === "/" ? "index.html" : pathname);
  try {
    const body = await readFile(path.join(distFolder, name));
    response.writeHead(200, {
      "content-type": `${TYPES[path.extname(name)] ?? "application/octet-stream"}; charset=utf-8`,
    });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
