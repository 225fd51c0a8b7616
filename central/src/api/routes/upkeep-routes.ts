import { Readable } from "node:stream";
import type { GaugeFamily, Logger, Metrics } from "@millrace/runtime";
import type { FastifyInstance } from "fastify";
import type { SinkView } from "../../sinks/sink-view.ts";
import { fresh, noStore } from "../caching.ts";
import type { CentralReader } from "../central-reader.ts";
import { OPENAPI } from "../openapi.ts";
import { ProblemError } from "../problem.ts";

interface UpkeepRoutesOptions {
  readonly reader: CentralReader;
  readonly sinks: () => readonly SinkView[];
  readonly metrics: Metrics;
  /** Brings gauges up to date before they are read. */
  readonly refreshMetrics: () => void;
  /** Of windows, shown behind the metrics. */
  readonly windowGauges: () => readonly GaugeFamily[];
  /** What keeps agents from coming to a central that takes data itself; null: nothing. */
  readonly intakeObstacle: () => string | null;
  readonly log: Logger;
}

/** For whoever looks after central, and for their programs: health, metrics, sinks, backups, the description of all this. */
export function addUpkeepRoutes(
  app: FastifyInstance,
  { reader, sinks, metrics, refreshMetrics, windowGauges, intakeObstacle, log }: UpkeepRoutesOptions,
): void {
  /** One at a time: each holds the store as it was at its beginning. */
  let isBackingUp = false;
  app.post("/api/v1/backup", async (_request, reply) => {
    if (isBackingUp) throw new ProblemError("backup_runs", "wait until it is done");
    isBackingUp = true;
    const bytes = Readable.from(reader.backup(), { objectMode: false });
    bytes.once("close", () => (isBackingUp = false));
    log.info("a backup is being sent");
    return noStore(reply).header("content-type", "application/octet-stream").send(bytes);
  });
  app.get("/api/v1/sinks", async (_request, reply) => fresh(reply).send({ sinks: sinks() }));
  app.get("/api/v1/openapi.json", async (_request, reply) => fresh(reply).send(OPENAPI));
  app.get("/metrics", async ({ headers: { accept } }, reply) => {
    refreshMetrics();
    const { contentType, text } = await metrics.exposition({ accept, families: windowGauges() });
    return noStore(reply).header("vary", "accept").header("content-type", contentType).send(text);
  });
  app.get("/healthz", async (_request, reply) => {
    const { isAlive, reason } = reader.health();
    return noStore(reply)
      .code(isAlive ? 200 : 503)
      .send({ isAlive, reason });
  });
  app.get("/readyz", async (_request, reply) => {
    const health = reader.health();
    const obstacle = health.isReady ? intakeObstacle() : null;
    const isReady = health.isReady && obstacle === null;
    return noStore(reply)
      .code(isReady ? 200 : 503)
      .send({ isReady, reason: obstacle ?? health.reason });
  });
}
