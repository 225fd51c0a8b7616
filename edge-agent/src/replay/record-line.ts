import { recordedTime } from "./recorded-time.ts";
import type { Place, Recorded } from "./recorded-message.ts";

const STRICT = new TextDecoder("utf-8", { fatal: true });
/** Of a topic, as MQTT has it. */
const TOPIC_BYTES_MAX = 65_535;

/**
 * A line of a recording: JSON with `topic` and one of `payload` (text as it is, anything else as JSON), `payloadHex` and
 * `payloadBase64`; `time` or `tst` (when it came) and `retain` may be there. What `mosquitto_sub -F %J` and `%j` print is such.
 */
export function recordLine(line: Uint8Array, place: Place): Recorded {
  const bad = (reason: string, column = 1): Recorded => ({
    kind: "bad",
    bad: { place: { ...place, column }, reason },
  });
  let text: string;
  try {
    text = STRICT.decode(line);
  } catch {
    return bad("not UTF-8");
  }
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message : "";
    return bad(`not JSON: ${detail.replace(/ in JSON at position.*/s, "")}`, columnOf(detail, text));
  }
  if (typeof record !== "object" || record === null || Array.isArray(record))
    return bad("not an object with topic and payload");
  const { topic, time, tst, retain } = record as Record<string, unknown>;
  if (typeof topic !== "string") return bad("it has no topic");
  if (topic === "" || /[+#\0]/.test(topic) || Buffer.byteLength(topic) > TOPIC_BYTES_MAX)
    return bad("its topic is none", columnOfKey(text, "topic"));
  const payload = payloadOf(record as Record<string, unknown>);
  if (typeof payload === "string") return bad(payload, columnOfKey(text, "payload"));
  const told = time ?? tst;
  const timeMs = told === undefined || told === null ? null : recordedTime(told);
  if (timeMs === undefined)
    return bad("its time is none", columnOfKey(text, time === undefined || time === null ? "tst" : "time"));
  const isRetained = retain === true || retain === 1;
  return { kind: "message", message: { topic, payload, timeMs, isRetained, place } };
}

/** Or why there is none. */
function payloadOf(record: Record<string, unknown>): Uint8Array | string {
  const { payload, payloadHex, payloadBase64 } = record;
  if (typeof payloadHex === "string") {
    if (payloadHex.length % 2 === 1 || /[^0-9a-f]/i.test(payloadHex))
      return "its payloadHex is not hexadecimal";
    return Buffer.from(payloadHex, "hex");
  }
  if (typeof payloadBase64 === "string") {
    if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(payloadBase64)) return "its payloadBase64 is not base64";
    return Buffer.from(payloadBase64, "base64");
  }
  if (payload === undefined) return "it has no payload";
  return Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload));
}

/** V8 names the position of some errors; of the others it is where the shortest beginning ends that cannot go on. */
function columnOf(message: string, text: string): number {
  const told = /at position (\d+)/.exec(message)?.[1];
  if (told !== undefined) return Number(told) + 1;
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const length = (good + bad) >> 1;
    if (canGoOn(text.slice(0, length))) good = length;
    else bad = length;
  }
  return bad;
}

function canGoOn(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    return error instanceof Error && /^(?:Unexpected end|Unterminated)/.test(error.message);
  }
}

function columnOfKey(text: string, key: string): number {
  return Math.max(0, text.indexOf(`"${key}`)) + 1;
}
