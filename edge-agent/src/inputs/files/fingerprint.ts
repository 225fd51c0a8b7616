import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

/** So many bytes of a file, and what they are. */
export interface Fingerprint {
  readonly bytes: number;
  /** First 16 hex digits of the bytes' SHA-256. */
  readonly hash: string;
}

/** Of no bytes: every file has it. */
export const NO_FINGERPRINT: Fingerprint = { bytes: 0, hash: "" };

/** Bytes looked at: enough to tell the line with its time that a file begins with. */
export const FINGERPRINT_BYTES_MAX = 1024;

export function fingerprintOf(bytes: Uint8Array): Fingerprint {
  if (bytes.length === 0) return NO_FINGERPRINT;
  return { bytes: bytes.length, hash: createHash("sha256").update(bytes).digest("hex").slice(0, 16) };
}

/** Whether the file has these bytes at `at`. */
export async function hasFingerprint(
  handle: FileHandle,
  at: number,
  fingerprint: Fingerprint,
): Promise<boolean> {
  const bytes = await readBytes(handle, at, fingerprint.bytes);
  return bytes.length === fingerprint.bytes && fingerprintOf(bytes).hash === fingerprint.hash;
}

/** Of up to FINGERPRINT_BYTES_MAX bytes at `at`, not beyond `end`. */
export async function readFingerprint(handle: FileHandle, at: number, end: number): Promise<Fingerprint> {
  return fingerprintOf(await readBytes(handle, at, Math.min(FINGERPRINT_BYTES_MAX, end - at)));
}

async function readBytes(handle: FileHandle, at: number, length: number): Promise<Uint8Array> {
  if (length <= 0) return new Uint8Array(0);
  const buffer = new Uint8Array(Math.min(length, FINGERPRINT_BYTES_MAX));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
  return buffer.subarray(0, bytesRead);
}
