import type { Mistake } from "./schema-types.ts";

type Degrees = readonly [longitude: number, latitude: number];

interface Edge {
  /** Where it begins: the ring, and the position in it. */
  readonly at: readonly [ring: number, position: number];
  readonly from: Degrees;
  readonly to: Degrees;
  readonly west: number;
  readonly east: number;
  readonly south: number;
  readonly north: number;
}

/** Nearer to a line a position is on it: 0.1 mm, which is what rounding makes of one that was. */
const NEAR_DEGREES = 1e-9;

/**
 * That the rim of a polygon crosses itself, or that of a hole does, or the two each other. To touch is no crossing: what is inside
 * is clear there.
 */
export function crossingMistake(rings: readonly (readonly Degrees[])[]): Mistake | undefined {
  const edges = rings.flatMap((ring, number) =>
    ring.slice(1).map((to, at): Edge => {
      const from = ring[at];
      const [west, east] = [Math.min(from[0], to[0]), Math.max(from[0], to[0])];
      const [south, north] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
      return { at: [number, at], from, to, west, east, south, north };
    }),
  );
  // From the west on, each beside those only that begin before it ends.
  edges.sort((a, b) => a.west - b.west);
  for (const [index, edge] of edges.entries())
    for (let other = index + 1; other < edges.length && edges[other].west <= edge.east; other += 1)
      if (doCross(edge, edges[other])) return said(edge, edges[other]);
  return undefined;
}

function doCross(a: Edge, b: Edge): boolean {
  if (a.south > b.north || b.south > a.north) return false;
  return areApart(a, b.from, b.to) && areApart(b, a.from, a.to);
}

/** Whether two positions are on either side of a line, and not on it. */
function areApart({ from, to }: Edge, one: Degrees, other: Degrees): boolean {
  const [x, y] = [to[0] - from[0], to[1] - from[1]];
  const near = NEAR_DEGREES * Math.hypot(x, y);
  const sideOf = (position: Degrees) => x * (position[1] - from[1]) - y * (position[0] - from[0]);
  const [left, right] = [sideOf(one), sideOf(other)];
  return (left > near && right < -near) || (left < -near && right > near);
}

function said(a: Edge, b: Edge): Mistake {
  const isLater = a.at[0] > b.at[0] || (a.at[0] === b.at[0] && a.at[1] > b.at[1]);
  const [earlier, later] = isLater ? [b, a] : [a, b];
  const shown = ({ from, to }: Edge) => `${JSON.stringify(from)} to ${JSON.stringify(to)}`;
  return {
    at: later.at,
    message: `the line from ${shown(later)} crosses that from ${shown(earlier)}: nobody can tell what is inside; name each ring's positions in their order around it`,
  };
}
