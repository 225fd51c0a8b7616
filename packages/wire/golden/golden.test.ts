// The bytes of every released wire version are read for ever, and this version still writes the same ones.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeAlarmBatch } from "../src/alarm-batch.ts";
import { decodeEvidencePart } from "../src/evidence-part.ts";
import { decodePaneBatch } from "../src/pane-batch.ts";
import { openBatch } from "../src/sealed-batch.ts";
import { decodeSkippedBatch } from "../src/skipped-batch.ts";
import { WIRE_VERSION } from "../src/wire-version.ts";
import { bytesOf, V1_ALARMS, V1_BATCHES, V1_EVIDENCE, V1_PANES, V1_SKIPPED } from "./cases.ts";

const read = (file: string) => new Uint8Array(readFileSync(join(import.meta.dirname, file)));

test.each(Object.keys(V1_BATCHES))("%s opens to its batch", (file) => {
  expect(openBatch(read(file))).toEqual({ ok: true, batch: V1_BATCHES[file] });
});

test("the bodies of version 1", () => {
  const body = (file: string) => read(file).subarray(80);
  expect(decodePaneBatch(body("v1-panes.bin"))).toEqual({ ok: true, message: V1_PANES });
  expect(decodeAlarmBatch(body("v1-alarms.bin"))).toEqual({ ok: true, message: V1_ALARMS });
  expect(decodeSkippedBatch(body("v1-skipped.bin"))).toEqual({ ok: true, message: V1_SKIPPED });
  expect(decodeEvidencePart(body("v1-evidence.bin"))).toEqual({ ok: true, message: V1_EVIDENCE });
});

test.runIf(WIRE_VERSION === 1).each(Object.keys(V1_BATCHES))("%s is written byte for byte", (file) => {
  expect(bytesOf(file)).toEqual(read(file));
});
