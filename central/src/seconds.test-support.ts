import type { WindowSpec } from "@millrace/stream";

/** A metric whose panes are a second long. */
export const METRIC = {
  name: "t",
  unit: "°C",
  accumulate: ["mean"],
  isLive: true,
  paneMs: 1_000,
  source: { kind: "host", sensor: "cpu" },
} as const;

/** Of that metric, by site: each pane is a window. */
export const WINDOW = {
  name: "t_1s",
  metric: "t",
  kind: "aligned",
  sizeMs: 1_000,
  slideMs: 1_000,
  offsetMs: 0,
  by: ["site"],
  latenessMs: 3_600_000,
} as const satisfies WindowSpec;
