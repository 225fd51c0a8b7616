/** First level of every Sparkplug B topic. */
export const SPARKPLUG_NAMESPACE = "spBv1.0";

const NODE_MESSAGES = ["NBIRTH", "NDEATH", "NDATA", "NCMD"] as const;
const DEVICE_MESSAGES = ["DBIRTH", "DDEATH", "DDATA", "DCMD"] as const;

/** Who a message is from, or for. `device` null: the edge node itself. */
export interface SparkplugSource {
  readonly group: string;
  readonly node: string;
  readonly device: string | null;
}

/** What a topic is for (Sparkplug 3.0, chapter 4). */
export type SparkplugTopic =
  | {
      readonly type: (typeof NODE_MESSAGES)[number] | (typeof DEVICE_MESSAGES)[number];
      readonly source: SparkplugSource;
    }
  | { readonly type: "STATE"; readonly hostId: string };

/** Undefined when it is none of Sparkplug's. */
export function parseSparkplugTopic(topic: string): SparkplugTopic | undefined {
  const [namespace, group, type, node, device, ...more] = topic.split("/");
  if (namespace !== SPARKPLUG_NAMESPACE || more.length > 0) return undefined;
  if (group === "STATE" && type !== undefined && node === undefined) return { type: "STATE", hostId: type };
  if ([group, node, device].includes("")) return undefined;
  const ofNode = NODE_MESSAGES.find((name) => name === type);
  if (ofNode !== undefined && node !== undefined && device === undefined)
    return { type: ofNode, source: { group, node, device: null } };
  const ofDevice = DEVICE_MESSAGES.find((name) => name === type);
  if (ofDevice !== undefined && device !== undefined)
    return { type: ofDevice, source: { group, node, device } };
  return undefined;
}

/** `group/node` or `group/node/device`. */
export function sparkplugPath({ group, node, device }: SparkplugSource): string {
  return device === null ? `${group}/${node}` : `${group}/${node}/${device}`;
}
