/** The lines of a map of YAML, an entry a line, each in JSON, which YAML reads; none where it is empty. */
export function yamlMap(name: string, entries: Readonly<Record<string, object>>): string[] {
  const lines = Object.entries(entries).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`);
  return lines.length === 0 ? [] : [`${name}:`, ...lines];
}
