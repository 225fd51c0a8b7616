import type { ZoneShape } from "@millrace/stream";
import type { ZoneFile } from "./zone-schema.ts";

/** A checked zone. */
export function toZoneShape({ circle, polygon, corridor }: ZoneFile): ZoneShape {
  if (circle !== undefined) return { kind: "circle", ...circle };
  if (corridor !== undefined) return { kind: "corridor", ...corridor };
  if (polygon === undefined) throw new Error("invariant: a checked zone has an area");
  return { kind: "polygon", rings: polygon };
}
