import type { BodyPayload } from "./body-payload.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Each line of a body as a payload for the topic; blank ones are none. */
export function* bodyLines(body: Uint8Array, topic: string): Iterable<BodyPayload> {
  let line = 0;
  for (let from = 0; from < body.length;) {
    line += 1;
    const feed = body.indexOf(LINE_FEED, from);
    const end = feed < 0 ? body.length : feed;
    const textEnd = end > from && body[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    if (textEnd > from) yield { line, topic, payload: body.subarray(from, textEnd) };
    from = end + 1;
  }
}
