import type { Page } from "./page.ts";

const NAME = /^# (\w+\.yaml)/;

/** The configuration files that a page shows, by the name in each one's first line. */
export function configFiles({ blocks }: Page): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { language, text } of blocks) {
    const name = NAME.exec(text)?.[1];
    if (language === "yaml" && name !== undefined) files.set(name, text);
  }
  return files;
}
