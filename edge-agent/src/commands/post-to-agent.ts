import { MillraceError, reasonOf } from "@millrace/runtime";

/** Asks the running agent's status page to do something; what it answers. Throws `service_unreachable`. */
export async function postToAgent<Answer extends object>(
  url: string,
  body: unknown,
  limitMs = 5_000,
): Promise<Answer | { readonly error: string }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(limitMs),
    });
    const answer: Answer = JSON.parse(await response.text());
    return response.ok || "error" in answer ? answer : { error: `it answered ${response.status}` };
  } catch (error) {
    throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
  }
}
