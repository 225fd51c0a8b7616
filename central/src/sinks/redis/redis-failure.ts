import { connectionReason, MillraceError } from "@millrace/runtime";

/** Before Redis 7 what a script meets stands in the middle of a text about the script. */
const SAID = /(?:^|[\s-])(MILLRACE_FENCED \d+|MILLRACE_EMPTY|WRONGPASS|NOAUTH|NOPERM|READONLY|OOM|LOADING)\b/;

/** A Redis without TLS waits for the end of what it takes for a command. */
const NO_TLS = /ETIMEDOUT|wrong version number|before secure TLS connection/;

/** What Redis, or the way to it, says, as what a person can act on. `url` has no secrets. */
export function redisFailure(error: unknown, url: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const reason = connectionReason(error, "sinks.redis.tls.ca");
  const because = { cause: error };
  const [word, generation = ""] = SAID.exec(reason)?.[1]?.split(" ") ?? [];
  switch (word) {
    case "MILLRACE_FENCED":
      return new MillraceError("sink_fenced", { url, generation }, because);
    case "MILLRACE_EMPTY":
      return new MillraceError("redis_emptied", { url }, because);
    case "WRONGPASS":
    case "NOAUTH":
    case "NOPERM":
      return new MillraceError("redis_refused", { url, reason }, because);
    case "READONLY":
      return new MillraceError("redis_readonly", { url }, because);
    case "OOM":
      return new MillraceError("redis_out_of_memory", { url }, because);
    case "LOADING":
      return new MillraceError("redis_loading", { url }, because);
  }
  if (/invalid password|without any password configured/i.test(reason))
    return new MillraceError("redis_refused", { url, reason }, because);
  if (/max number of clients/i.test(reason))
    return new MillraceError(
      "redis_unreachable",
      {
        url,
        reason: "it has as many clients as it takes; raise its maxclients, or see who holds connections",
      },
      because,
    );
  if (url.startsWith("rediss:") && NO_TLS.test(reason))
    return new MillraceError(
      "redis_unreachable",
      {
        url,
        reason: `${reason}: nobody is there, or somebody without TLS; compare rediss:// with its tls-port`,
      },
      because,
    );
  const isAnswer = error instanceof Error && error.name === "ReplyError";
  return new MillraceError(isAnswer ? "redis_rejected" : "redis_unreachable", { url, reason }, because);
}
