import { plainText } from "@millrace/runtime";
import type { QuarantinedPayload } from "../intake/quarantine.ts";

/** One payload that was set aside, in a line. */
export function renderQuarantined(payload: QuarantinedPayload): string {
  const { atMs, reason, topic, client, detail, bytes } = payload;
  const head = plainText(Buffer.from(payload.head, "base64").toString("utf8"), 120);
  const where = `${plainText(topic)} from ${plainText(client)}`;
  return `${new Date(atMs).toISOString()}  ${reason}  ${where}: ${plainText(detail)}; ${bytes} bytes: ${head}`;
}
