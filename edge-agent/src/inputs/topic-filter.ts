/** Whether an MQTT filter (`+`, `#`) takes a topic (MQTT 3.1.1, 4.7). */
export function filterTakes(filter: string, topic: string): boolean {
  const levels = filter.split("/");
  const names = topic.split("/");
  for (let i = 0; i < levels.length; i++) {
    if (levels[i] === "#") return true;
    if (i >= names.length) return false;
    if (levels[i] !== "+" && levels[i] !== names[i]) return false;
  }
  return levels.length === names.length;
}
