/** Label names and values of a series or a group, e.g. `{ site: "alpha", line: "1" }`. */
export type Labels = Readonly<Record<string, string>>;

/** The canonical name of a label set: the same text for the same labels, whatever their order. */
export function labelsKey(labels: Labels): string {
  const names = Object.keys(labels).sort();
  return JSON.stringify(names.map((name) => [name, labels[name]]));
}

/** The canonical name of a series: metric and label values. */
export function seriesKey(metric: string, labels: Labels): string {
  return `${metric} ${labelsKey(labels)}`;
}
