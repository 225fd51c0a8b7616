import { SPARKPLUG_NAMESPACE } from "./sparkplug-topic.ts";
import { SPARKPLUG_TYPES } from "./sparkplug-types.ts";

/** A message that asks an edge node to publish its births again (Sparkplug 3.0, 6.4.24): QoS 0, not retained. */
export function rebirthCommand(
  { group, node }: { readonly group: string; readonly node: string },
  nowMs: number,
): { readonly topic: string; readonly payload: Uint8Array } {
  const name = new TextEncoder().encode("Node Control/Rebirth");
  const time = varint(nowMs);
  const type = SPARKPLUG_TYPES.indexOf("Boolean");
  const metric = [0x0a, name.length, ...name, 0x18, ...time, 0x20, type, 0x70, 1];
  return {
    topic: `${SPARKPLUG_NAMESPACE}/${group}/NCMD/${node}`,
    payload: Uint8Array.from([0x08, ...time, 0x12, metric.length, ...metric]),
  };
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = Math.max(0, Math.floor(value));
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}
