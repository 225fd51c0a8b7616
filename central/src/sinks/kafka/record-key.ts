/** A record's key as JSON, its names in order at each depth: equal ones are equal bytes, and go to one partition. */
export function recordKey(parts: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(parts, (_, value: unknown) =>
    typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
