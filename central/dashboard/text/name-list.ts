import type { Speaker } from "./speaker.ts";

const NAMES_SHOWN = 3;

/** The first names, and how many more there are. `count`: of all, where only the first of them are known. */
export function nameList(names: readonly string[], speaker: Speaker, count = names.length): string {
  // The number of one takes no less room than its name.
  const isShort = count <= NAMES_SHOWN + 1 && count === names.length;
  const shown = isShort ? names : names.slice(0, NAMES_SHOWN);
  const list = shown.join(speaker.text("command.listSeparator"));
  return isShort ? list : speaker.text("windows.andMore", { names: list, count: count - shown.length });
}
