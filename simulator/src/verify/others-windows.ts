import type { CentralClient, CentralWindow } from "./central-client.ts";
import { isClaim } from "./compare-windows.ts";
import { spanMsMax, type WindowDefinition } from "./window-oracle.ts";

/** Windows at central that nothing of the truth can have made: it has served other runs, or real sensors, or made them up. */
export interface OthersWindows {
  /** Whoever asks has said that others write to this central too: theirs are left out then. Else each is one too many. */
  readonly isAllowed: boolean;
  /** Of the truth's sites, wholly from before its first reading or record; so many at least. */
  readonly before: number;
  /** From after its last; 0 while the truth still grows. */
  readonly after: number;
  /** Of other sites. */
  readonly elsewhere: number;
}

export interface FindOthersOptions {
  readonly client: Pick<CentralClient, "windows">;
  readonly definitions: readonly WindowDefinition[];
  /** Event times of what was made. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly hasEnded: boolean;
  /** False of a row of which the truth says nothing. */
  readonly isOwn?: (row: CentralWindow) => boolean;
}

/**
 * Rows of a definition that are read on each side: a central may hold millions. What is then not known of makes the verdict stricter,
 * never milder.
 */
const ROWS_READ_MAX = 20_000;

/** Looks at all that lies wholly beyond the truth's first and last. */
export async function findOthers(
  options: FindOthersOptions,
): Promise<Pick<OthersWindows, "before" | "after" | "elsewhere">> {
  const { client, definitions, fromMs, toMs, hasEnded, isOwn = () => true } = options;
  const found = { before: 0, after: 0, elsewhere: 0 };
  if (fromMs > toMs) return found;
  for (const definition of definitions) {
    const { name } = definition;
    const nearMs = fromMs - spanMsMax(definition);
    const count = async (side: "before" | "after", firstMs: number, lastMs: number): Promise<void> => {
      let rowsLeft = ROWS_READ_MAX;
      for await (const row of client.windows(name, firstMs, lastMs)) {
        if (rowsLeft-- === 0) return;
        if (row.startMs < firstMs || row.startMs >= lastMs || !isClaim(row)) continue;
        // What is near may reach into the truth.
        if (side === "after" || row.startMs < nearMs || row.endMs <= fromMs)
          found[isOwn(row) ? side : "elsewhere"] += 1;
      }
    };
    await count("before", 0, nearMs);
    await count("before", nearMs, fromMs);
    if (hasEnded) await count("after", toMs + 1, Number.MAX_SAFE_INTEGER);
  }
  return found;
}

/** Nothing is there but the truth's own. */
export function isAlone({ before, after, elsewhere }: OthersWindows): boolean {
  return before + after + elsewhere === 0;
}

/** What the truth cannot have made is there by others, who are known to write there, or is wrong. */
export function hasOnlyOwn(others: OthersWindows): boolean {
  return others.isAllowed || isAlone(others);
}
