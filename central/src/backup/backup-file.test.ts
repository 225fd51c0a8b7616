// Shows that a backup comes back as it was, and that one with any byte wrong, or any missing, is refused whole.
import type { Entry } from "@millrace/queue";
import { SeededRandom } from "@millrace/testkit";
import { expect, test } from "vitest";
import { readBackup, writeBackup } from "./backup-file.ts";
import type { BackupPart } from "./backup-file.ts";

const HEAD = { kind: "central", storeVersion: 2, program: "0.1.0", atMs: 1 } as const;

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

async function bytesOf(entries: readonly Entry[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of writeBackup(HEAD, each(entries))) parts.push(part);
  return Buffer.concat(parts);
}

async function partsOf(bytes: Uint8Array, sliceBytes = 1_000): Promise<BackupPart[]> {
  const slices: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += sliceBytes) slices.push(bytes.subarray(at, at + sliceBytes));
  const parts: BackupPart[] = [];
  for await (const part of readBackup(each(slices))) parts.push(part);
  return parts;
}

function entriesOf(parts: readonly BackupPart[]): Entry[] {
  return parts.flatMap((part) => (part.kind === "entries" ? part.entries : []));
}

function randomEntries(count: number): Entry[] {
  const random = new SeededRandom(1);
  const bytes = (length: number) => Uint8Array.from({ length }, () => random.integer(0, 255));
  return Array.from({ length: count }, () => ({
    key: bytes(random.integer(1, 40)),
    value: bytes(random.integer(1, 3_000)),
  }));
}

test("entries come back, whatever pieces the stream comes in", async () => {
  const entries = randomEntries(400);
  const bytes = await bytesOf(entries);
  for (const sliceBytes of [7, 1_000, bytes.length]) {
    const parts = await partsOf(bytes, sliceBytes);
    expect(parts[0]).toEqual({ kind: "head", head: HEAD });
    expect(parts.at(-1)).toEqual({ kind: "tail", tail: { entries: 400, damaged: 0 } });
    expect(entriesOf(parts).map(({ key, value }) => [...key, 0, ...value].join())).toEqual(
      entries.map(({ key, value }) => [...key, 0, ...value].join()),
    );
  }
});

test("values that the store could not read are left out and counted", async () => {
  const key = Uint8Array.of(1);
  const parts = await partsOf(
    await bytesOf([
      { key, value: new Uint8Array(0) },
      { key, value: key },
    ]),
  );
  expect(parts.at(-1)).toEqual({ kind: "tail", tail: { entries: 1, damaged: 1 } });
});

test("one that lacks an end, has a bit wrong, or has more behind it is refused", async () => {
  const bytes = await bytesOf(randomEntries(3));
  for (let length = 0; length < bytes.length; length += 11)
    await expect(partsOf(bytes.subarray(0, length))).rejects.toThrow();
  for (let at = 0; at < bytes.length; at += 5) {
    const wrong = Uint8Array.from(bytes);
    wrong[at] ^= 4;
    await expect(partsOf(wrong), `byte ${at}`).rejects.toThrow();
  }
  await expect(partsOf(Buffer.concat([bytes, Uint8Array.of(0)]))).rejects.toThrow("more behind its end");
  await expect(partsOf(new TextEncoder().encode("not a backup at all"))).rejects.toThrow(
    "no backup of Millrace",
  );
});

test("frames that have changed places are refused", async () => {
  const bytes = await bytesOf(randomEntries(400));
  const frames: Uint8Array[] = [];
  for (let at = 8; at < bytes.length; at += frames.at(-1)?.length ?? 0)
    frames.push(
      bytes.subarray(at, at + 17 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 5, true)),
    );
  const [head, first, second, ...rest] = frames;
  const put = (order: readonly Uint8Array[]) => partsOf(Buffer.concat([bytes.subarray(0, 8), ...order]));
  expect(entriesOf(await put([head, first, second, ...rest]))).toHaveLength(400);
  await expect(put([head, second, first, ...rest])).rejects.toThrow("damaged");
});
