/** Names in one line of the log. */
const NAMES_MAX = 20;

/** For a line of the log: of many names the first, and how many there are more. */
export function firstNames(names: readonly string[]): readonly string[] {
  const more = names.length - NAMES_MAX;
  return more > 0 ? [...names.slice(0, NAMES_MAX), `and ${more} more`] : names;
}
