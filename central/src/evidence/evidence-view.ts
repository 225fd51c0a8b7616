import type { EvidenceManifest } from "@millrace/wire";

/**
 * incomplete: parts are still to come. checking: all are here, the whole is being compared with its checksum. complete: it is
 * what was sent, and can be fetched.
 */
export type EvidenceState = "incomplete" | "checking" | "complete";

/** One piece of evidence as central shows it. */
export type EvidenceView = EvidenceManifest & {
  readonly agent: string;
  readonly site: string;
  readonly state: EvidenceState;
  readonly parts: number;
  readonly partsHeld: number;
  /** Central's clock at its first part, ms. */
  readonly firstAtMs: number;
  /** At the latest news of it: its latest part, or its completion. */
  readonly changedAtMs: number;
};
