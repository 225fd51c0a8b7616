/** Where windows of one group are that an earlier version has stored, more of them to a page than are now. */
export interface EarlierPage {
  readonly number: number;
  /** Pages of now that its windows belong to. */
  readonly fromPage: number;
  readonly toPage: number;
}

/**
 * One rule's pages of an earlier version, by group, until a page of now that touches them is stored: all at once would be a
 * commit of hundreds of thousands of changes, and nobody needs them sooner.
 */
export class EarlierPages {
  readonly #byGroup = new Map<string, EarlierPage[]>();

  add(group: string, page: EarlierPage): void {
    const pages = this.#byGroup.get(group);
    if (pages === undefined) this.#byGroup.set(group, [page]);
    else pages.push(page);
  }

  /** Those that are in the way of pages of now, which are no longer earlier ones; what they hold is added to `pages`. */
  take(group: string, pages: Set<number>): number[] {
    const left = this.#byGroup.get(group);
    if (left === undefined) return [];
    const taken: number[] = [];
    // Ends: each turn but the last takes one.
    for (let at = 0; (at = left.findIndex((page) => isTouched(page, pages))) >= 0;) {
      const [{ number, fromPage, toPage }] = left.splice(at, 1);
      taken.push(number);
      for (let page = fromPage; page <= toPage; page++) pages.add(page);
    }
    if (left.length === 0) this.#byGroup.delete(group);
    return taken;
  }
}

/** A key may be that of another page now. */
function isTouched({ number, fromPage, toPage }: EarlierPage, pages: ReadonlySet<number>): boolean {
  if (pages.has(number)) return true;
  for (let page = fromPage; page <= toPage; page++) if (pages.has(page)) return true;
  return false;
}
