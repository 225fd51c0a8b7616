import { readFile, writeFile } from "node:fs/promises";
import { MillraceError } from "@millrace/runtime";
import { crc32c } from "@millrace/wire";

/**
 * Whose store it is, and in which format: JSON in UTF-8, under META_KEY and in the file FORMAT. The CRC-32C is that of the
 * same JSON without it. Stores of version 0.1.0 have neither it nor checksums in their values.
 */
export interface StoreMeta {
  readonly format: "millrace";
  readonly kind: string;
  readonly version: number;
  /** Values carry checksums (sealed-value.ts). */
  readonly isSealed: boolean;
}

export function encodeMeta({
  kind,
  version,
}: {
  readonly kind: string;
  readonly version: number;
}): Uint8Array {
  const meta = { format: "millrace", kind, version, checksums: "crc32c" };
  return encoder.encode(JSON.stringify({ ...meta, crc32c: crcOf(meta) }));
}

/** Undefined where the bytes are damaged, or another program's. */
export function decodeMeta(bytes: Uint8Array): StoreMeta | undefined {
  try {
    const meta: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (
      typeof meta !== "object" ||
      meta === null ||
      !("format" in meta && "kind" in meta && "version" in meta)
    )
      return undefined;
    const { format, kind, version } = meta;
    if (format !== "millrace" || typeof kind !== "string" || typeof version !== "number") return undefined;
    const { crc32c: stored, ...rest }: typeof meta & { crc32c?: unknown } = meta;
    const isSealed = Object.keys(meta).length > META_0_1_0_FIELDS;
    return isSealed && stored !== crcOf(rest) ? undefined : { format, kind, version, isSealed };
  } catch {
    return undefined;
  }
}

/** Throws `wrong_kind` or `store_newer` where this program must leave the store alone. */
export function refuseForeign(
  store: { readonly path: string; readonly kind: string; readonly version: number },
  meta: StoreMeta,
): void {
  const { path, kind, version } = store;
  if (meta.kind !== kind) throw new MillraceError("wrong_kind", { path, found: meta.kind, expected: kind });
  if (meta.version > version) {
    const values = {
      path,
      found: meta.version,
      supported: version,
      needed: `one that reads format ${meta.version}`,
    };
    throw new MillraceError("store_newer", values);
  }
}

/**
 * The file FORMAT. LevelDB rewrites its files by opening them, before META_KEY can be read: so the same stands in a file in
 * its folder (it goes with every copy, and LevelDB leaves names alone that it does not know), and a store that is not for
 * this program is refused without a byte changed.
 */
export async function readFormat(path: string): Promise<StoreMeta | undefined> {
  return readFile(formatPath(path)).then(decodeMeta, () => undefined);
}

export async function writeFormat(path: string, meta: Uint8Array): Promise<void> {
  const known = await readFile(formatPath(path)).catch(() => undefined);
  if (known === undefined || !known.equals(meta)) await writeFile(formatPath(path), meta);
}

/** `format`, `kind` and `version`. */
const META_0_1_0_FIELDS = 3;
const encoder = new TextEncoder();

function crcOf(meta: object): string {
  return crc32c(encoder.encode(JSON.stringify(meta))).toString(16);
}

function formatPath(path: string): string {
  return `${path}/FORMAT`;
}
