import type { CentralClient, CentralWindow } from "./central-client.ts";
import { compareWindows, isClaim, type WindowVerdict } from "./compare-windows.ts";
import type { OthersWindows } from "./others-windows.ts";
import type { AgentFrontier } from "./window-state.ts";
import { spanMsMax, type TrueWindow, type WindowDefinition, windowKey } from "./window-oracle.ts";

export interface JudgeWindowsOptions {
  readonly client: Pick<CentralClient, "windows">;
  readonly definitions: readonly WindowDefinition[];
  readonly truth: ReadonlyMap<string, TrueWindow>;
  /** Event times of what came; none: `fromMs` is after `toMs`. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Windows that reach beyond it may lack what has not come: they are not judged. */
  readonly judgedToMs: number;
  /** False of a row that others' values made. */
  readonly isOwn?: (row: CentralWindow) => boolean;
  /** Windows that reach beyond the truth hold others' values too, where there are any that may be: they may hold more. */
  readonly others: OthersWindows;
  /** Of agents, once all has been sent; null: states are not judged. */
  readonly frontiers: ReadonlyMap<string, AgentFrontier> | null;
  /** Of each that is judged. */
  readonly onRow?: (definition: WindowDefinition, row: CentralWindow) => void;
}

export interface JudgedWindows {
  readonly verdicts: readonly WindowVerdict[];
  /** Within the truth's time, but not of what it is about. */
  readonly foreignCount: number;
}

/** Central's windows of each definition beside the truth's. */
export async function judgeWindows(options: JudgeWindowsOptions): Promise<JudgedWindows> {
  const { client, definitions, truth, fromMs, toMs, judgedToMs, isOwn = () => true, onRow, others } = options;
  const verdicts: WindowVerdict[] = [];
  const mayBeShared = {
    before: others.isAllowed && others.before > 0,
    after: others.isAllowed && others.after > 0,
  };
  let foreignCount = 0;
  for (const definition of definitions) {
    const { name, sizeMs } = definition;
    const isJudged = ({ startMs }: { readonly startMs: number }): boolean => startMs + sizeMs <= judgedToMs;
    const isShared = (startMs: number): boolean =>
      (mayBeShared.before && startMs < fromMs) || (mayBeShared.after && startMs + sizeMs > toMs);
    let rows = [];
    if (fromMs <= toMs)
      for await (const row of client.windows(name, fromMs - spanMsMax(definition), toMs + 1)) {
        const isInside = row.endMs > fromMs && row.startMs <= toMs;
        if (!isInside || row.mergedIntoMs !== undefined || !isJudged(row)) continue;
        if (isOwn(row)) {
          rows.push(row);
          onRow?.(definition, row);
        } else if (isClaim(row)) foreignCount += 1;
      }
    const own = [...truth].filter(([, window]) => window.window === name && isJudged(window));
    if (mayBeShared.before || mayBeShared.after) {
      const isTrue = new Set(own.map(([key]) => key));
      rows = rows.filter((row) => !isShared(row.startMs) || isTrue.has(keyOf(definition, row)));
    }
    const bounded = own.map(([key, window]): [string, TrueWindow] => [
      key,
      isShared(window.startMs) ? { ...window, unsureCount: Infinity } : window,
    ]);
    verdicts.push(compareWindows(definition, new Map(bounded), rows, options.frontiers));
  }
  return { verdicts, foreignCount };
}

function keyOf({ by }: WindowDefinition, { window, startMs, group }: CentralWindow): string {
  return windowKey(
    window,
    startMs,
    by.map((label) => group[label] ?? ""),
  );
}
