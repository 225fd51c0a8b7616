/** Labels that windows have here beside those of their group. */
const OWN = new Set(["window", "bound"]);

/**
 * What labels are called in Prometheus, in the order of `by`: what is neither letter, digit nor underscore in ASCII becomes an
 * underscore; names that are taken, or Prometheus's own (`__…`), get `label_` before them, and a number where that is taken too.
 */
export function labelNames(by: readonly string[]): readonly string[] {
  const given = new Set<string>();
  return by.map((label) => {
    const plain = label.replaceAll(/[^A-Za-z0-9_]/g, "_");
    const isReserved = OWN.has(plain) || plain.startsWith("__") || /^\d/.test(plain);
    const base = isReserved ? `label_${plain.replaceAll(/^_+/g, "")}` : plain;
    let name = base;
    for (let more = 2; given.has(name); more += 1) name = `${base}_${more}`;
    given.add(name);
    return name;
  });
}
