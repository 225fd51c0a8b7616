import type { RecordStreamView } from "../../src/records/record-stream-view.ts";
import { isObject } from "./is-object.ts";

/** What the page shows of a stream of records. */
export type StreamItem = Pick<RecordStreamView, "stream" | "source" | "totals" | "partitions" | "reading">;

/** Asks central for its streams of records; null where there was no answer. */
export async function fetchStreams(get: typeof fetch = fetch): Promise<readonly StreamItem[] | null> {
  try {
    const response = await get("/api/v1/records");
    if (!response.ok) return null;
    const page: unknown = await response.json();
    return isObject(page) && Array.isArray(page["streams"]) ? page["streams"].filter(isStream) : null;
  } catch {
    return null;
  }
}

const TOTALS = [
  "received",
  "aggregated",
  "duplicates",
  "setAside",
  "tooLate",
  "noEffect",
  "unwindowed",
  "lost",
];

function isStream(item: unknown): item is StreamItem {
  return (
    isObject(item) &&
    typeof item["stream"] === "string" &&
    typeof item["source"] === "string" &&
    isTotals(item["totals"]) &&
    Array.isArray(item["partitions"]) &&
    item["partitions"].every(
      (each: unknown) =>
        isObject(each) &&
        (each["watermarkMs"] === null || Number.isFinite(each["watermarkMs"])) &&
        typeof each["isIdle"] === "boolean",
    ) &&
    (item["reading"] === null || isReading(item["reading"]))
  );
}

function isTotals(value: unknown): boolean {
  return (
    isObject(value) && TOTALS.every((name) => Number.isFinite(value[name])) && isCounts(value["rejected"])
  );
}

function isReading(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value["state"] === "string" &&
    typeof value["reason"] === "string" &&
    isCounts(value["lag"])
  );
}

function isCounts(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(Number.isFinite);
}
