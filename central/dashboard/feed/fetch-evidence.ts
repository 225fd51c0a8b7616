import type { EvidenceState, EvidenceView } from "../../src/evidence/evidence-view.ts";
import { isObject } from "./is-object.ts";

/** What the page shows of a piece of evidence. */
export type EvidenceItem = Pick<
  EvidenceView,
  "id" | "name" | "startMs" | "endMs" | "bytes" | "state" | "parts" | "partsHeld"
>;

export interface EvidenceList {
  /** The latest first. */
  readonly items: readonly EvidenceItem[];
  /** Central has more than these. */
  readonly hasMore: boolean;
}

export const EVIDENCE_SHOWN_MAX = 20;

/** Asks central for the latest evidence of an agent, or of one of its alarms; null where there was no answer. */
export async function fetchEvidence(
  { agent, alarm }: { readonly agent: string; readonly alarm?: string },
  get: typeof fetch = fetch,
): Promise<EvidenceList | null> {
  const query = new URLSearchParams({ agent, limit: String(EVIDENCE_SHOWN_MAX) });
  if (alarm !== undefined) query.set("alarm", alarm);
  try {
    const response = await get(`/api/v1/evidence?${query}`);
    if (!response.ok) return null;
    const page: unknown = await response.json();
    if (!isObject(page) || !Array.isArray(page["evidence"])) return null;
    return { items: page["evidence"].filter(isEvidence), hasMore: typeof page["cursor"] === "string" };
  } catch {
    return null;
  }
}

const STATES: readonly unknown[] = ["incomplete", "checking", "complete"] satisfies EvidenceState[];
const NUMBERS = ["startMs", "endMs", "bytes", "parts", "partsHeld"];

function isEvidence(item: unknown): item is EvidenceItem {
  return (
    isObject(item) &&
    typeof item["id"] === "string" &&
    typeof item["name"] === "string" &&
    NUMBERS.every((name) => Number.isFinite(item[name])) &&
    STATES.includes(item["state"])
  );
}
