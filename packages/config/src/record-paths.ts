import type { JsonPath, RecordMeasure, RecordSpec } from "@millrace/wire";

export interface RecordPath {
  /** Below `json` of the metric's `from`. */
  readonly at: readonly string[];
  readonly path: JsonPath;
}

/** All that a metric reads of a record, and where the pipeline file says so. */
export function recordPaths({
  id,
  time,
  measure,
}: Pick<RecordSpec, "id" | "time"> & { readonly measure: RecordMeasure }): RecordPath[] {
  const { path, value, labels } = measure;
  const position = (longitude: JsonPath, latitude: JsonPath): RecordPath[] => [
    { at: ["position", "longitude"], path: longitude },
    { at: ["position", "latitude"], path: latitude },
  ];
  return [
    { at: ["id"], path: id },
    { at: ["time", "path"], path: time.path },
    ...(value?.kind === "position"
      ? position(path, value.latitude)
      : [
          {
            at: value === undefined ? ["value"] : value.kind === "since" ? ["since", "path"] : ["identity"],
            path,
          },
        ]),
    ...labels.flatMap((label) =>
      "path" in label
        ? [{ at: ["labels", label.name], path: label.path }]
        : value?.kind === "position"
          ? []
          : position(label.zone.longitude, label.zone.latitude),
    ),
  ];
}
