/** Whether some topic is taken by both filters, of `+` and without `#` as those of templates are. */
export function topicsMeet(filter: string, other: string): boolean {
  const [levels, others] = [filter.split("/"), other.split("/")];
  return (
    levels.length === others.length &&
    levels.every((level, index) => level === "+" || others[index] === "+" || level === others[index])
  );
}
