import type { Labels } from "@millrace/stream";
import type { EvidenceState, EvidenceView } from "./evidence-view.ts";

export interface EvidenceQuery {
  /** Labels that it must have; `site` is that of its agent. */
  readonly labels: Labels;
  /** Null: any. */
  readonly agent: string | null;
  readonly name: string | null;
  /** Id of an alarm. */
  readonly alarm: string | null;
  readonly state: EvidenceState | null;
  /** Of its event time: what overlaps [fromMs, toMs). */
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  /** Where an earlier page ended. */
  readonly cursor: string | null;
}

export interface EvidencePage {
  readonly evidence: readonly EvidenceView[];
  /** Null at the end. */
  readonly cursor: string | null;
}

/** A page of what is asked for, out of all there is, the latest first. */
export function evidencePage(latestFirst: readonly EvidenceView[], query: EvidenceQuery): EvidencePage {
  const { limit, cursor } = query;
  const evidence: EvidenceView[] = [];
  for (const view of latestFirst) {
    if (cursor !== null && !isAfter(view, cursor)) continue;
    if (!matches(view, query)) continue;
    if (evidence.length === limit) return { evidence, cursor: cursorOf(evidence[limit - 1]) };
    evidence.push(view);
  }
  return { evidence, cursor: null };
}

function matches(view: EvidenceView, query: EvidenceQuery): boolean {
  const { labels, agent, name, alarm, state, fromMs, toMs } = query;
  return (
    (agent === null || view.agent === agent) &&
    (name === null || view.name === name) &&
    (alarm === null || view.alarm === alarm) &&
    (state === null || view.state === state) &&
    view.endMs >= fromMs &&
    view.startMs < toMs &&
    Object.entries(labels).every(([label, value]) =>
      label === "site" ? view.site === value : view.labels[label] === value,
    )
  );
}

function cursorOf({ startMs, id }: EvidenceView): string {
  return `${startMs}.${id}`;
}

/** Behind the one that the cursor names, whether that is still there or not. */
function isAfter(view: EvidenceView, cursor: string): boolean {
  const [start, id = ""] = cursor.split(".");
  const startMs = Number(start);
  return view.startMs < startMs || (view.startMs === startMs && view.id > id);
}
