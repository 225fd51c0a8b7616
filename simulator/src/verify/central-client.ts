import { MillraceError, reasonOf } from "@millrace/runtime";
import { z } from "zod";
import type { WindowDefinition } from "./window-oracle.ts";

const pipelineAnswer = z.object({
  windows: z.array(
    z.object({
      name: z.string(),
      metric: z.string(),
      sizeMs: z.number(),
      slideMs: z.number(),
      kind: z.string(),
      offsetMs: z.number(),
      by: z.array(z.string()),
    }),
  ),
});
const windowRow = z.object({
  window: z.string(),
  group: z.record(z.string(), z.string()),
  startMs: z.number(),
  revision: z.number(),
  state: z.string(),
  values: z.record(z.string(), z.number()),
});
const windowsAnswer = z.object({ windows: z.array(windowRow), cursor: z.string().nullable() });
const alarmRow = z.object({
  id: z.string(),
  rule: z.string(),
  labels: z.record(z.string(), z.string()),
  step: z.number(),
  activeAtMs: z.number(),
  clearedAtMs: z.number().nullable(),
  timeMs: z.number(),
  value: z.number(),
  receivedAtMs: z.number(),
  action: z.string(),
  command: z
    .object({
      id: z.string(),
      commandedAtMs: z.number(),
      confirmedAtMs: z.number().nullable(),
      latencyMs: z.number(),
    })
    .nullable(),
});
const alarmsAnswer = z.object({ alarms: z.array(alarmRow) });

export type CentralWindow = z.infer<typeof windowRow>;
export type CentralAlarm = z.infer<typeof alarmRow>;

const PAGE_ROWS = 1_000;
const ALARMS_MAX = 10_000;
const REQUEST_MS_MAX = 30_000;

/** Central's answers, as the judge reads them: over HTTP, like anybody else. */
export class CentralClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url.replace(/\/+$/, "");
  }

  /** Those that the truth is judged by: not sessions, nor days of a time zone. */
  async windowDefinitions(): Promise<readonly WindowDefinition[]> {
    const { windows } = await this.get("/api/v1/pipeline", pipelineAnswer);
    return windows.filter(({ kind }) => kind === "aligned");
  }

  /** The last revision of every window that starts in `[fromMs, toMs)`. */
  async *windows(window: string, fromMs: number, toMs: number): AsyncGenerator<CentralWindow> {
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({
        window,
        from: String(fromMs),
        to: String(toMs),
        limit: String(PAGE_ROWS),
      });
      if (cursor !== null) query.set("cursor", cursor);
      const page: z.infer<typeof windowsAnswer> = await this.get(
        `/api/v1/windows?${query.toString()}`,
        windowsAnswer,
      );
      yield* page.windows;
      cursor = page.cursor;
    } while (cursor !== null);
  }

  async alarms(): Promise<readonly CentralAlarm[]> {
    return (await this.get(`/api/v1/alarms?limit=${ALARMS_MAX}`, alarmsAnswer)).alarms;
  }

  /** Throws service_unreachable when there is no answer, or not one of this shape. */
  async get<Answer>(path: string, schema: z.ZodType<Answer>): Promise<Answer> {
    const url = this.#url + path;
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_MS_MAX) });
      if (!response.ok)
        throw new Error(`it answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
      return schema.parse(await response.json());
    } catch (error) {
      throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
    }
  }
}
