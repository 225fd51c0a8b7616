import type { ZoneShape } from "@millrace/stream";
import type { ZoneFile } from "./zone-schema.ts";

/** A checked zone. */
export function toZoneShape({ circle, polygon }: ZoneFile): ZoneShape {
  if (circle !== undefined) return { kind: "circle", ...circle };
  if (polygon === undefined) throw new Error("invariant: a checked zone has a circle or a polygon");
  return { kind: "polygon", rings: polygon };
}
