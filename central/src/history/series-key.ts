/** What names a series of the history: its metric and the labels that it is grouped by, whatever the size of its panes. */
export function seriesKeyOf(metric: string, by: readonly string[]): string {
  return `${encodeURIComponent(metric)}:${by.map(encodeURIComponent).join(",")}`;
}

/** The series of a view, by its name as it stands in keys: that has the size of its panes too. */
export function seriesKeyOfView(viewKey: string): string {
  return viewKey.replace(/@\d+:/, ":");
}

export function parseSeriesKey(key: string): { readonly metric: string; readonly by: readonly string[] } {
  const [metric, by] = key.split(":");
  return { metric: decodeURIComponent(metric), by: by === "" ? [] : by.split(",").map(decodeURIComponent) };
}
