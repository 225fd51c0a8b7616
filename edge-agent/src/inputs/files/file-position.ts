import type { Fingerprint } from "./fingerprint.ts";

/** How far one file has been read, as the store keeps it (JSON). Everything before `offset` is durable. */
export interface FilePosition {
  /** The `path` of the configuration that it belongs to. */
  readonly source: string;
  /** Where the file was first seen: it names the topic, whatever the file is called after a rotation. */
  readonly path: string;
  /** Device and inode; a copy of the file, and a file made anew on the same inode, are told apart by their bytes. */
  readonly file: string;
  /** In bytes; the beginning of a line, unless `isSkipping`. */
  readonly offset: number;
  /** The rest of the line at `offset` belongs to one that was dealt with. */
  readonly isSkipping: boolean;
  /** Of the file's first bytes, and of those before `offset`. */
  readonly head: Fingerprint;
  readonly tail: Fingerprint;
}

/** Undefined where what is stored is not of this form: damaged. */
export function parseFilePosition(value: unknown): FilePosition | undefined {
  return isFilePosition(value) ? value : undefined;
}

function isFilePosition(value: unknown): value is FilePosition {
  if (typeof value !== "object" || value === null) return false;
  const { source, path, file, offset, isSkipping, head, tail }: Partial<Record<keyof FilePosition, unknown>> =
    value;
  return (
    [source, path, file].every((text) => typeof text === "string") &&
    isCount(offset) &&
    typeof isSkipping === "boolean" &&
    isFingerprint(head) &&
    isFingerprint(tail)
  );
}

function isFingerprint(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { bytes, hash }: Partial<Record<keyof Fingerprint, unknown>> = value;
  return isCount(bytes) && typeof hash === "string";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
