import type { LastEnd } from "@millrace/queue";

/** How the run before has ended, and what of the readings that had come by then is in doubt. */
export interface LastEndStatus {
  readonly kind: LastEnd["kind"];
  /** What was on disk is there no more: acknowledged readings are among those in doubt. */
  readonly isLogCut: boolean;
  /** Of those that had come about a second before the end at most, so many are not in the store; null: nothing tells. */
  readonly missing: number | null;
  /** And with what came after that, at the greatest rate of that run. */
  readonly missingMax: number | null;
}

/** `received`: what the ledger that was found had. */
export function lastEndStatus({ kind, synced, isLogCut }: LastEnd, received: number): LastEndStatus {
  if (kind === "orderly")
    return { kind, isLogCut, missing: isLogCut ? null : 0, missingMax: isLogCut ? null : 0 };
  if (synced === null) return { kind, isLogCut, missing: null, missingMax: null };
  const missing = Math.max(0, synced.count - received);
  // A killed process had marked a second before at most: in less than that so much came that is in the store.
  const growthMax = Math.max(synced.growthMax, kind === "process" ? received - synced.count : 0);
  return { kind, isLogCut, missing, missingMax: missing + growthMax };
}

const ENDS: Readonly<Record<LastEnd["kind"], string>> = {
  orderly: "in order",
  process: "the process was killed, or crashed",
  machine: "power cut, or another end of the machine",
  unknown: "not in order",
};

/** In words; undefined where there is nothing to say. */
export function lastEndText({ kind, isLogCut, missing, missingMax }: LastEndStatus): string | undefined {
  if (kind === "orderly" && !isLogCut) return undefined;
  const cut = isLogCut ? "; the log of what was on disk was CUT since, acknowledged readings are gone" : "";
  if (missing === null || missingMax === null) return `${ENDS[kind]}${cut}; how many readings is not known`;
  const count = missing === missingMax ? String(missing) : `${missing} to ${missingMax}`;
  const rest = isLogCut ? "" : ", none of them acknowledged";
  return `${ENDS[kind]}${cut}; readings in doubt: ${count}${rest}`;
}
