const REASON_LENGTH_MAX = 600;
/** Colours and the like. */
// oxlint-disable-next-line no-control-regex
const TERMINAL_CODES = /\u001b\[[\d;]*m/g;

/** Why Maven failed, from what it wrote: its first error, else its last line. */
export function mavenReason(written: string): string {
  const lines = written
    .replaceAll(TERMINAL_CODES, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const line = lines.find((each) => each.startsWith("[ERROR] ")) ?? lines.at(-1);
  if (line === undefined) return "it ended without a word, or was ended after 10 minutes";
  const reason = line.replace(/^\[ERROR\] /, "").replace(/ -> \[Help \d+\]$/, "");
  if (reason.length <= REASON_LENGTH_MAX) return reason;
  return `${reason.slice(0, REASON_LENGTH_MAX - 1).replace(/\s+\S*$/, "")}…`;
}
