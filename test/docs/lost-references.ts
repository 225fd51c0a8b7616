import { existsSync } from "node:fs";
import path from "node:path";
import { parsePage } from "./page.ts";

export interface LostReferencesOptions {
  readonly root: string;
  /** From the root. */
  readonly pagePath: string;
  readonly markdown: string;
  /** Default: the real files under `root`. */
  readonly readPage?: (pagePath: string) => string | undefined;
}

/** A file of this repository in inline code: it begins with one of its folders and ends like a file or a folder. */
const FILE =
  /^(?:(?:docs|packages|edge-agent|central|simulator|scripts|test|bench)\/[\w./-]*(?:\/|\.\w+)|\.ci\/\w+)$/;

/** Links, anchors and files that a page names and that do not exist, each in words. */
export function lostReferences(options: LostReferencesOptions): string[] {
  const { root, pagePath, markdown, readPage = () => undefined } = options;
  const page = parsePage(markdown);
  const lost: string[] = [];
  for (const link of page.links) {
    const [file = "", anchor] = link.split("#", 2);
    const isHere = file === "";
    const target = isHere ? pagePath : path.posix.join(path.posix.dirname(pagePath), file);
    if (!isHere && !existsSync(path.join(root, target))) lost.push(`${pagePath}: there is no ${target}`);
    else if (anchor !== undefined) {
      const { anchors } = isHere ? page : parsePage(readPage(target) ?? "");
      if (!anchors.includes(anchor)) lost.push(`${pagePath}: ${target} has no heading #${anchor}`);
    }
  }
  for (const code of page.codes) {
    if (FILE.test(code) && !existsSync(path.join(root, code))) lost.push(`${pagePath}: there is no ${code}`);
  }
  return lost;
}
