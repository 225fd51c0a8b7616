/** Whether an MQTT filter (`+`, `#`) takes a topic (MQTT 3.1.1, 4.7); none with a wildcard in front takes `$…`. */
export function filterTakes(filter: string, topic: string): boolean {
  if (isBarred(filter, topic)) return false;
  const levels = filter.split("/");
  const names = topic.split("/");
  for (let i = 0; i < levels.length; i++) {
    if (levels[i] === "#") return true;
    if (i >= names.length) return false;
    if (levels[i] !== "+" && levels[i] !== names[i]) return false;
  }
  return levels.length === names.length;
}

/** Whether `filter` takes every topic that `other` takes. */
export function filterCovers(filter: string, other: string): boolean {
  if (isBarred(filter, other)) return false;
  const levels = filter.split("/");
  const others = other.split("/");
  for (let i = 0; i < levels.length; i++) {
    if (levels[i] === "#") return true;
    if (i >= others.length || others[i] === "#") return false;
    if (levels[i] !== "+" && levels[i] !== others[i]) return false;
  }
  return levels.length === others.length;
}

/** The filters without those that another one covers: brokers may deliver a message once per matching subscription. */
export function widestFilters(filters: readonly string[]): readonly string[] {
  const distinct = [...new Set(filters)];
  return distinct.filter(
    (filter) => !distinct.some((other) => other !== filter && filterCovers(other, filter)),
  );
}

function isBarred(filter: string, topic: string): boolean {
  return topic.startsWith("$") && (filter.startsWith("#") || filter.startsWith("+"));
}
