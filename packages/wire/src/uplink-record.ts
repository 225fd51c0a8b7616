import type { UpTopic } from "./link.ts";
import { peekHeader } from "./sealed-batch.ts";
import { isAgentId } from "./topics.ts";

/** What an agent says, as a record of a Kafka topic: the agent itself may write it, or central when it has taken it. */
export interface UplinkRecord {
  /** The site: all of its agents are in one partition, in order. */
  readonly key: string;
  /** What the MQTT payload would be. */
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface UplinkRecordOrigin {
  readonly agent: string;
  readonly site: string;
  /** Of central: which of its connections it came by. Null: the agent wrote it itself. */
  readonly session: string | null;
}

export function uplinkRecord(origin: UplinkRecordOrigin, type: UpTopic, payload: Uint8Array): UplinkRecord {
  const { agent, site, session } = origin;
  const header = type === "batch" ? peekHeader(payload) : undefined;
  const ofBatch: Record<string, string> =
    header === undefined
      ? {}
      : {
          kind: header.kind,
          store: header.storeId,
          epoch: String(header.epoch),
          lane: header.lane,
          sequence: String(header.sequence),
          wire: String(header.wireVersion),
        };
  const ofCentral: Record<string, string> = session === null ? {} : { session };
  return { key: site, value: payload, headers: { type, agent, site, ...ofCentral, ...ofBatch } };
}

/** Who says what; undefined where the headers are not those of such a record. */
export function readUplinkHeaders(
  headers: Iterable<readonly [name: string, value: Uint8Array | null]>,
): (UplinkRecordOrigin & { readonly type: UpTopic }) | undefined {
  const texts = new Map<string, string>();
  for (const [name, value] of headers) {
    if (!NAMES.has(name) || value === null || value.length > HEADER_BYTES_MAX) continue;
    texts.set(name, decoder.decode(value));
  }
  const type = TYPES.find((known) => known === texts.get("type"));
  const [agent = "", site = "", session = null] = [
    texts.get("agent"),
    texts.get("site"),
    texts.get("session"),
  ];
  if (type === undefined || !isAgentId(agent) || !isAgentId(site)) return undefined;
  return { type, agent, site, session };
}

const TYPES: readonly UpTopic[] = ["hello", "batch", "heartbeat"];
const NAMES: ReadonlySet<string> = new Set(["type", "agent", "site", "session"]);
const HEADER_BYTES_MAX = 256;
const decoder = new TextDecoder();
