/** A panel of a picture: one line over time or frequency. */
export interface Chart {
  readonly title: string;
  /** In order of x; NaN: nothing there. */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Words at places of x. */
  readonly ticks: readonly (readonly [x: number, label: string])[];
}

const WIDTH = 900;
const HEIGHT = 92;
const LEFT = 52;
const RIGHT = 10;
const TOP = 20;
const BOTTOM = 16;
/** A line has no more corners than two for each of these. */
const COLUMNS = 420;

/** Charts below each other as an SVG, light on any ground. */
export function drawCharts(charts: readonly Chart[]): string {
  const height = charts.length * HEIGHT;
  const panels = charts.map((chart, index) => panel(chart, index * HEIGHT)).join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${panels}</svg>
`;
}

function panel({ title, points, ticks }: Chart, top: number): string {
  const [xMin, xMax] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 1];
  const values = points.map(([, y]) => y).filter((y) => !Number.isNaN(y));
  const yMax = values.reduce((max, y) => Math.max(max, y), -Infinity);
  const yMin = Math.min(
    0,
    values.reduce((min, y) => Math.min(min, y), Infinity),
  );
  const xOf = (x: number): number => LEFT + ((x - xMin) / (xMax - xMin)) * (WIDTH - LEFT - RIGHT);
  const yOf = (y: number): number =>
    top + HEIGHT - BOTTOM - ((y - yMin) / (yMax - yMin || 1)) * (HEIGHT - TOP - BOTTOM);
  const ground = top + HEIGHT - BOTTOM;
  const labels = ticks
    .map(
      ([x, label]) =>
        `<path d="M${xOf(x).toFixed(1)} ${top + TOP}V${ground}" stroke="#ddd"/><text x="${xOf(x).toFixed(1)}" y="${ground + 12}" text-anchor="middle" fill="#666">${label}</text>\n`,
    )
    .join("");
  return `<text x="${LEFT}" y="${top + 13}" fill="#222" font-weight="bold">${title}</text>
${labels}<text x="${LEFT - 6}" y="${top + TOP + 8}" text-anchor="end" fill="#666">${number(yMax)}</text>
<text x="${LEFT - 6}" y="${ground}" text-anchor="end" fill="#666">${number(yMin)}</text>
<path d="${line(points, { xMin, xMax, xOf, yOf })}" fill="none" stroke="#1668a8" stroke-width="1"/>
`;
}

/** To three digits. */
function number(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 4 });
}

/** From the least to the greatest of each column, so that no peak is lost. */
function line(
  points: Chart["points"],
  at: {
    readonly xMin: number;
    readonly xMax: number;
    readonly xOf: (x: number) => number;
    readonly yOf: (y: number) => number;
  },
): string {
  const columns = new Map<number, { min: number; max: number }>();
  for (const [x, y] of points) {
    if (Number.isNaN(y)) continue;
    const column = Math.floor(((x - at.xMin) / (at.xMax - at.xMin)) * COLUMNS);
    const known = columns.get(column);
    if (known === undefined) columns.set(column, { min: y, max: y });
    else {
      known.min = Math.min(known.min, y);
      known.max = Math.max(known.max, y);
    }
  }
  let last = -Infinity;
  return [...columns]
    .map(([column, { min, max }]) => {
      const x = at.xOf(at.xMin + ((column + 0.5) / COLUMNS) * (at.xMax - at.xMin)).toFixed(1);
      const move = column - last > COLUMNS / 50 ? "M" : "L";
      last = column;
      return `${move}${x} ${at.yOf(min).toFixed(1)}${min === max ? "" : `V${at.yOf(max).toFixed(1)}`}`;
    })
    .join("");
}
