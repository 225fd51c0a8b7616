import { Readable } from "node:stream";
import type { Clock } from "@millrace/runtime";
import { labelsKey } from "@millrace/stream";
import type { FastifyInstance } from "fastify";
import { fresh } from "../caching.ts";
import type { CentralReader } from "../central-reader.ts";
import type { GzipPacker } from "../gzip-packer.ts";
import { LIST_LIMIT_MAX, listPage } from "../list-page.ts";
import { cursorText } from "../page-cursor.ts";
import { ProblemError } from "../problem.ts";
import { representation } from "../representation.ts";
import { requireWindow } from "../required-names.ts";
import { seriesAnswer } from "../series-answer.ts";
import { parseSeriesQuery } from "../series-query.ts";
import { parseQuery, parseWindowQuery } from "../window-query.ts";

/** Windows, and the history behind them. */
export function addWindowRoutes(
  app: FastifyInstance,
  {
    reader,
    clock,
    packer,
  }: { readonly reader: CentralReader; readonly clock: Clock; readonly packer: GzipPacker },
): void {
  app.get("/api/v1/windows", async (request, reply) => {
    const query = parseWindowQuery(request.query, clock.nowMs());
    requireWindow(reader, query.window, Object.keys(query.group));
    const { windows, cursor } = await reader.windows(query);
    return fresh(reply).send({ windows, cursor: cursorText(cursor) });
  });
  app.get("/api/v1/windows/latest", async (request, reply) => {
    const query = parseQuery(request.query);
    const window = query.get("window") ?? null;
    if (window !== null) requireWindow(reader, window);
    const { windows, searchedAfterMs } = await reader.latestWindows(window);
    const { items, cursor } = listPage(windows, query, {
      keyOf: (each) => [each.window, labelsKey(each.group)],
      limitDefault: LIST_LIMIT_MAX,
    });
    return fresh(reply).send({ windows: items, cursor, searchedAfterMs });
  });
  app.get("/api/v1/series", async (request, reply) => {
    const page = await reader.series(parseSeriesQuery(request.query, clock.nowMs()));
    if ("reason" in page) throw new ProblemError(page.reason, page.detail);
    const { tag, bytes, slices } = await seriesAnswer({ ...page, cursor: cursorText(page.cursor) });
    fresh(reply).header("content-type", "application/json; charset=utf-8");
    const chosen = await representation(request, reply, { tag, bytes, pack: () => packer.pack(slices) });
    if (chosen !== undefined) return reply.send(chosen);
    return reply.header("content-length", bytes).send(Readable.from(slices, { objectMode: false }));
  });
}
