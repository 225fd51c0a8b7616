import { MillraceError, reasonOf } from "@millrace/runtime";

/** What Redis, or the way to it, says, as what a person can act on. `url` has no secrets. */
export function redisFailure(error: unknown, url: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const reason = reasonOf(error);
  const because = { cause: error };
  const [word = ""] = reason.replace(/^ReplyError: /, "").split(" ");
  switch (word) {
    case "MILLRACE_FENCED":
      return new MillraceError("sink_fenced", { url, generation: reason.split(" ").at(-1) ?? "" }, because);
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
    default:
      if (/without any password configured|invalid password|invalid username-password/i.test(reason))
        return new MillraceError("redis_refused", { url, reason }, because);
      return new MillraceError("redis_unreachable", { url, reason }, because);
  }
}
