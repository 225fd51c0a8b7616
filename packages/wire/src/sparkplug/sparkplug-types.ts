/** Data types by their number (Sparkplug 3.0, 6.4.16). */
export const SPARKPLUG_TYPES = [
  "Unknown",
  "Int8",
  "Int16",
  "Int32",
  "Int64",
  "UInt8",
  "UInt16",
  "UInt32",
  "UInt64",
  "Float",
  "Double",
  "Boolean",
  "String",
  "DateTime",
  "Text",
  "UUID",
  "DataSet",
  "Bytes",
  "File",
  "Template",
  "PropertySet",
  "PropertySetList",
  "Int8Array",
  "Int16Array",
  "Int32Array",
  "Int64Array",
  "UInt8Array",
  "UInt16Array",
  "UInt32Array",
  "UInt64Array",
  "FloatArray",
  "DoubleArray",
  "BooleanArray",
  "StringArray",
  "DateTimeArray",
] as const;
export type SparkplugType = (typeof SPARKPLUG_TYPES)[number];

const NUMERIC: ReadonlySet<SparkplugType> = new Set([
  "Int8",
  "Int16",
  "Int32",
  "Int64",
  "UInt8",
  "UInt16",
  "UInt32",
  "UInt64",
  "Float",
  "Double",
  "Boolean",
  "DateTime",
]);

/** Unknown where there is none, or a later one. */
export function sparkplugType(datatype: number | undefined): SparkplugType {
  return SPARKPLUG_TYPES[datatype ?? 0] ?? "Unknown";
}

export function isNumericSparkplugType(type: SparkplugType): boolean {
  return NUMERIC.has(type);
}
