// What the page reads of streams of records; an answer that is none, and an item that is none, are not shown.
import { expect, test } from "vitest";
import { fetchStreams } from "./fetch-streams.ts";

const POSTED = {
  stream: "orders",
  source: "http",
  totals: {
    received: 9,
    aggregated: 5,
    duplicates: 1,
    altered: 0,
    setAside: 0,
    tooLate: 0,
    noEffect: 0,
    unwindowed: 0,
    rejected: { no_value: 3 },
    retracted: 0,
    lost: 0,
  },
  partitions: [{ partition: 0, position: 0, watermarkMs: null, isIdle: true }],
  reading: null,
};
const READ = { ...POSTED, reading: { group: "g", state: "reading", reason: "", lag: { 0: 4 }, waiting: [] } };

function answering(status: number, body: unknown): typeof fetch {
  return async () => new Response(JSON.stringify(body), { status });
}

test("streams that are posted and that are read are taken; what is none is left out", async () => {
  const broken = [
    { ...POSTED, totals: { ...POSTED.totals, received: "9" } },
    { ...POSTED, totals: { ...POSTED.totals, rejected: { no_value: null } } },
    { ...POSTED, partitions: [{ watermarkMs: "0", isIdle: true }] },
    { ...READ, reading: { state: "reading" } },
    "orders",
  ];
  expect(await fetchStreams(answering(200, { streams: [POSTED, ...broken, READ] }))).toEqual([POSTED, READ]);
});

test("without an answer nothing is known", async () => {
  expect(await fetchStreams(answering(401, {}))).toBeNull();
  expect(await fetchStreams(answering(200, []))).toBeNull();
  expect(await fetchStreams(() => Promise.reject(new Error("away")))).toBeNull();
});
