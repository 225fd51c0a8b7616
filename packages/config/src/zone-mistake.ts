import { isPosition } from "@millrace/stream";
import type { Mistake } from "./schema-types.ts";

/** What is wrong with a `[longitude, latitude]`. */
export function positionMistake(value: unknown): Mistake | undefined {
  const wanted = "a position is [longitude, latitude] in degrees, such as [116.4, 39.9]";
  if (!isList(value) || value.length !== 2) return { at: [], message: wanted };
  const [longitude, latitude] = value;
  for (const [index, degrees] of value.entries())
    if (typeof degrees !== "number" || !Number.isFinite(degrees))
      return { at: [index], message: `${shown(degrees)} is no number of degrees; ${wanted}` };
  if (typeof longitude !== "number" || typeof latitude !== "number") return { at: [], message: wanted };
  if (isPosition(longitude, latitude)) return undefined;
  const isTurned = isPosition(latitude, longitude) ? "; the longitude stands first" : "";
  return {
    at: [],
    message: `[${longitude}, ${latitude}] is nowhere: longitudes are from -180 to 180, latitudes from -90 to 90${isTurned}`,
  };
}

/** What is wrong with a ring of a polygon (RFC 7946, 3.1.6 and 3.1.9), beyond its positions. */
export function ringMistake(ring: unknown): Mistake | undefined {
  if (!isList(ring)) return undefined;
  if (ring.length < 4)
    return {
      at: [],
      message: `a ring of ${ring.length} positions has no inside; it needs three, and the first again`,
    };
  const [first, last] = [shown(ring[0]), shown(ring.at(-1))];
  if (first !== last)
    return {
      at: [],
      message: `the ring begins at ${first} and ends at ${last}; its last position must be the first again`,
    };
  let [west, east] = [Infinity, -Infinity];
  for (const position of ring) {
    const longitude = isList(position) ? Number(position[0]) : 0;
    [west, east] = [Math.min(west, longitude), Math.max(east, longitude)];
  }
  if (east - west > 180)
    return {
      at: [],
      message:
        "the ring is more than 180 degrees wide; one that crosses the 180th meridian must be cut there into two zones",
    };
  return undefined;
}

/** What is wrong with a corridor's line (RFC 7946, 3.1.9), beyond its positions. */
export function lineMistake(line: unknown): Mistake | undefined {
  if (!isList(line)) return undefined;
  const longitudes = line.map((position) => (isList(position) ? Number(position[0]) : 0));
  const at = longitudes.findIndex((each, index) => index > 0 && Math.abs(each - longitudes[index - 1]) > 180);
  if (at === -1) return undefined;
  return {
    at: [at],
    message: "a line that crosses the 180th meridian must be cut there into two zones",
  };
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 60);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
