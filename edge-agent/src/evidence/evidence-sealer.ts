import { createHash, type Hash } from "node:crypto";
import type { Change } from "@millrace/queue";
import type { Labels } from "@millrace/stream";
import {
  EVIDENCE_PART_BYTES,
  type EvidenceKind,
  type EvidenceManifest,
  evidencePartCount,
} from "@millrace/wire";

/** What is to become a piece of evidence. */
export interface Evidence {
  readonly kind: EvidenceKind;
  readonly name: string;
  readonly labels: Labels;
  readonly startMs: number;
  readonly endMs: number;
  readonly contentType: string;
  /** What, with its content, tells it from every other one of this agent: the same again is the same piece. */
  readonly identity: readonly string[];
  readonly alarm?: string;
  /** Must not change before it is durable. */
  readonly payload: Uint8Array;
}

export interface EvidenceSealerOptions {
  readonly agent: string;
  /** Adds one part to the outbox, as one batch of its commit. */
  append(
    changes: Change[],
    part: { readonly manifest: EvidenceManifest; readonly part: number; readonly data: Uint8Array },
  ): void;
  /** A commit should follow soon. */
  wake(): void;
}

/** Parts that one commit takes: what else waits for the disk is not held up by a great payload. */
export const PARTS_PER_COMMIT = 4;
/** What is hashed in one go: a millisecond or two. */
const HASHED_AT_ONCE_BYTES = 1024 * 1024;
/** Payloads in memory that are not durable yet; one alone may be greater. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Pieces that are recognised when they come again. */
const REMEMBERED_MAX = 1_000;

interface Waiting {
  readonly evidence: Evidence;
  readonly durable: PromiseWithResolvers<void>;
  readonly hash: Hash;
  hashedBytes: number;
  /** Once the whole is hashed. */
  manifest?: EvidenceManifest;
  nextPart: number;
}

/**
 * Cuts payloads into parts and hands them to the commits, some at a time, one payload after the other. A payload is durable
 * with its last part. After a crash in between its sender sends it again, and the same parts follow under the same id.
 */
export class EvidenceSealer {
  readonly #options: EvidenceSealerOptions;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Ids of what became durable in this run. */
  readonly #sealed = new Set<string>();

  constructor(options: EvidenceSealerOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Resolves once it is durable; undefined where too much waits for the disk already. */
  offer(evidence: Evidence): Promise<void> | undefined {
    const { length } = evidence.payload;
    if (this.#waiting.length > 0 && this.#waitingBytes + length > WAITING_BYTES_MAX) return undefined;
    const durable = Promise.withResolvers<void>();
    this.#waiting.push({ evidence, durable, hash: createHash("sha256"), hashedBytes: 0, nextPart: 0 });
    this.#waitingBytes += length;
    this.#options.wake();
    return durable.promise;
  }

  /** Adds the next parts to a commit; what is returned is to be called once that is durable. */
  drainInto(changes: Change[]): () => void {
    const done: Waiting[] = [];
    let partsLeft = PARTS_PER_COMMIT;
    while (this.#waiting.length > 0 && partsLeft > 0) {
      const [first] = this.#waiting;
      const manifest = this.#manifestOf(first);
      if (manifest === undefined) break;
      const isSealed = this.#sealed.has(manifest.id);
      const partCount = isSealed ? 0 : evidencePartCount(manifest);
      for (; first.nextPart < partCount && partsLeft > 0; partsLeft -= 1) {
        const from = first.nextPart * manifest.partBytes;
        const data = first.evidence.payload.subarray(from, from + manifest.partBytes);
        this.#options.append(changes, { manifest, part: first.nextPart, data });
        first.nextPart += 1;
      }
      if (first.nextPart < partCount) break;
      this.#waiting.shift();
      this.#waitingBytes -= first.evidence.payload.length;
      this.#remember(manifest.id);
      done.push(first);
    }
    return () => {
      for (const { durable } of done) durable.resolve();
      if (this.#waiting.length > 0) this.#options.wake();
    };
  }

  /** Undefined while it is being hashed, some in each commit. */
  #manifestOf(waiting: Waiting): EvidenceManifest | undefined {
    if (waiting.manifest !== undefined) return waiting.manifest;
    const { identity, payload, ...described } = waiting.evidence;
    const { hash, hashedBytes } = waiting;
    hash.update(payload.subarray(hashedBytes, hashedBytes + HASHED_AT_ONCE_BYTES));
    waiting.hashedBytes += HASHED_AT_ONCE_BYTES;
    if (waiting.hashedBytes < payload.length) return undefined;
    const sha256 = hash.digest("hex");
    const { kind } = described;
    const text = JSON.stringify([this.#options.agent, kind, ...identity, sha256]);
    const id = createHash("sha256").update(text).digest("hex").slice(0, 32);
    const sizes = { bytes: payload.length, partBytes: EVIDENCE_PART_BYTES };
    waiting.manifest = { id, ...described, sha256, ...sizes };
    return waiting.manifest;
  }

  #remember(id: string): void {
    this.#sealed.add(id);
    for (const oldest of this.#sealed) {
      if (this.#sealed.size <= REMEMBERED_MAX) break;
      this.#sealed.delete(oldest);
    }
  }
}
