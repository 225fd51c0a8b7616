// Files of records that are gone on with: whole lines only, and nobody's file is written into.
import { appendFileSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BusinessRecord } from "./business-record.ts";
import { RecordFiles } from "./record-files.ts";

const record = (id: string): BusinessRecord => ({
  topic: "orders",
  id,
  timeMs: 1,
  sentMs: 1,
  key: id,
  json: `{"order_id":"${id}"}`,
});

test("a file that is there is somebody's; of a run that goes on, its torn line goes", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-files-"));
  const path = join(folder, "orders.jsonl");
  const first = new RecordFiles(folder, { hasKeys: false });
  first.append([record("1"), record("2")]);
  expect(readFileSync(path, "utf8")).toBe('{"order_id":"1"}\n{"order_id":"2"}\n');
  first.close();
  appendFileSync(path, `{"order_id":"${"3".repeat(100_000)}`);
  const stranger = new RecordFiles(folder, { hasKeys: false });
  expect(() => stranger.append([record("3")])).toThrow("orders.jsonl");
  const next = new RecordFiles(folder, { hasKeys: false, isResumed: true });
  next.append([record("3")]);
  next.close();
  expect(readFileSync(path, "utf8")).toBe('{"order_id":"1"}\n{"order_id":"2"}\n{"order_id":"3"}\n');
});
