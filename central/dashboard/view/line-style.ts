/** How the lines of a chart are told apart: by colour and by shape. Six of each; then the shapes shift against the colours. */
const SHAPES = [
  "M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10",
  "M3.5 3.5h9v9h-9z",
  "M8 2.5L14 13H2z",
  "M8 1.5L14.5 8L8 14.5L1.5 8z",
  "M6 2h4v4h4v4h-4v4H6v-4H2V6h4z",
  "M2 3.5h12L8 14z",
] as const;

export interface LineStyle {
  /** A CSS custom property with the colour; Wong's palette, darkened or lightened to 3:1 on each theme's ground. */
  readonly colour: string;
  /** SVG path in a 16 x 16 box. */
  readonly shape: string;
}

/** The style of the `at`-th site, the same in every chart of the page. */
export function lineStyle(at: number): LineStyle {
  return {
    colour: `--line-${(at % SHAPES.length) + 1}`,
    shape: SHAPES[(at + Math.floor(at / SHAPES.length)) % SHAPES.length] ?? SHAPES[0],
  };
}
