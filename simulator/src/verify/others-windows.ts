import type { CentralClient, CentralWindow } from "./central-client.ts";
import type { TrueWindow, WindowDefinition } from "./window-oracle.ts";

/** Whether central holds windows that nothing of the truth can have made: it has served other runs, or real sensors. */
export interface OthersWindows {
  /** From before the truth's first reading or record. */
  readonly before: boolean;
  /** From after its last; false while the truth still grows. */
  readonly after: boolean;
}

export interface FindOthersOptions {
  readonly client: Pick<CentralClient, "windows">;
  readonly definitions: readonly WindowDefinition[];
  readonly truth: ReadonlyMap<string, TrueWindow>;
  /** Event times of what was made. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly hasEnded: boolean;
  /** False of a row of which the truth says nothing. */
  readonly isOwn?: (row: CentralWindow) => boolean;
}

/**
 * Rows of other sites that are read before it is taken that nobody else's are of the truth's sites: a central may hold millions.
 * What is then not known of makes the verdict stricter, never milder.
 */
const ROWS_READ_MAX = 20_000;

/** Looks a whole window beyond the truth's first and last, so that nothing of its own is taken for somebody else's. */
export async function findOthers(options: FindOthersOptions): Promise<OthersWindows> {
  const { client, definitions, truth, fromMs, toMs, hasEnded, isOwn = () => true } = options;
  let [before, after] = [false, false];
  if (fromMs > toMs) return { before, after };
  for (const { name, sizeMs, slideMs } of definitions) {
    let [firstMs, lastMs] = [fromMs, toMs];
    for (const window of truth.values())
      if (window.window === name) {
        firstMs = Math.min(firstMs, window.startMs);
        lastMs = Math.max(lastMs, window.startMs);
      }
    const isBefore = (row: CentralWindow): boolean => row.startMs < firstMs - sizeMs && isOwn(row);
    const isAfter = (row: CentralWindow): boolean => row.startMs > lastMs + slideMs && isOwn(row);
    before ||= await hasRow(client.windows(name, 0, firstMs - sizeMs), isBefore);
    after ||=
      hasEnded &&
      (await hasRow(client.windows(name, lastMs + slideMs + 1, Number.MAX_SAFE_INTEGER), isAfter));
  }
  return { before, after };
}

async function hasRow(
  rows: AsyncGenerator<CentralWindow>,
  isOthers: (row: CentralWindow) => boolean,
): Promise<boolean> {
  let rowsLeft = ROWS_READ_MAX;
  for await (const row of rows) {
    if (isOthers(row)) return true;
    if (--rowsLeft === 0) return false;
  }
  return false;
}
