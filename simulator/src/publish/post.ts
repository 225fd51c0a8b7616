/** What a receiver said to one POST. */
export interface PostAnswer {
  readonly status: number;
  /** 2xx. */
  readonly isOk: boolean;
  readonly text: string;
  /** As its `Retry-After` asks, in seconds; 1 s where it does not say. */
  readonly retryAfterMs: number;
}

export interface PostOptions {
  readonly type: string;
  readonly body: string | Uint8Array;
  /** The header's value; null: none. */
  readonly authorization: string | null;
  /** Ends it before its time. */
  readonly signal?: AbortSignal;
}

const REQUEST_MS_MAX = 30_000;
/** Longest wait that a receiver may ask for. */
const RETRY_AFTER_MS_MAX = 60_000;

/** Fails where no answer comes within 30 s. */
export async function post(
  url: string,
  { type, body, authorization, signal }: PostOptions,
): Promise<PostAnswer> {
  const timeout = AbortSignal.timeout(REQUEST_MS_MAX);
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": type, ...(authorization === null ? {} : { authorization }) },
    body: typeof body === "string" ? body : Buffer.from(body),
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  const { status, ok: isOk, headers } = response;
  return { status, isOk, text: await response.text(), retryAfterMs: toMs(headers.get("retry-after")) };
}

function toMs(retryAfter: string | null): number {
  const seconds = Number(retryAfter ?? 1);
  return Math.min(RETRY_AFTER_MS_MAX, Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 1_000);
}
