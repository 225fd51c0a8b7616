import { userInfo } from "node:os";
import { MillraceError, reasonOf } from "@millrace/runtime";

/** Asks the running agent's status page to do something, in the name of who runs this; what it answers. Throws `service_unreachable`. */
export async function postToAgent<Answer extends object>(
  url: string,
  body: object,
  limitMs = 5_000,
): Promise<Answer | { readonly error: string }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...body, user: userName() }),
      signal: AbortSignal.timeout(limitMs),
    });
    const answer: Answer = JSON.parse(await response.text());
    return response.ok || "error" in answer ? answer : { error: `it answered ${response.status}` };
  } catch (error) {
    throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
  }
}

/** Behind `sudo`, who has called it. */
function userName(): string {
  try {
    return process.env["SUDO_USER"] ?? userInfo().username;
  } catch {
    // A user that the system has no entry for.
    return `uid ${process.getuid?.() ?? "?"}`;
  }
}
