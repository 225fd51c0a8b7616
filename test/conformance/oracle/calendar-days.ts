/** Walks through time in steps of a quarter of an hour: a day begins when a calendar has shown its date, or a later one, first. */
export function daysOf(timeZone: string, leastMs: number, greatestMs: number) {
  const calendar = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" });
  const starts: number[] = [];
  let shown = "";
  const quarterMs = 900_000;
  for (let atMs = Math.floor(leastMs / quarterMs - 200) * quarterMs; ; atMs += quarterMs) {
    const date = calendar.format(atMs);
    if (date <= shown) continue;
    if (shown !== "") starts.push(atMs);
    shown = date;
    if (atMs > greatestMs) break;
  }
  return starts.slice(1).map((endMs, index) => ({ startMs: starts[index], endMs }));
}
