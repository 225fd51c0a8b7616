import type { Labels } from "@millrace/stream";

/** `temperature machine=m1`. */
export function seriesText({ metric, labels }: { readonly metric: string; readonly labels: Labels }): string {
  return [metric, ...Object.entries(labels).map(([name, value]) => `${name}=${value}`)].join(" ");
}
