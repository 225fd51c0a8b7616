// What the page asks of evidence; an answer that is none, and an item that is none, are not shown.
import { expect, test } from "vitest";
import { EVIDENCE_SHOWN_MAX, fetchEvidence } from "./fetch-evidence.ts";

const ITEM = {
  id: "0".repeat(32),
  name: "waveform",
  startMs: 1,
  endMs: 2,
  bytes: 20_000_000,
  state: "complete",
  parts: 306,
  partsHeld: 306,
};

function answering(status: number, body: unknown): { get: typeof fetch; asked: unknown[] } {
  const asked: unknown[] = [];
  const get: typeof fetch = async (url) => {
    asked.push(url);
    return new Response(JSON.stringify(body), { status });
  };
  return { get, asked };
}

test("it asks for the latest of an agent, or of one of its alarms, whatever the names hold", async () => {
  const { get, asked } = answering(200, { evidence: [ITEM], cursor: null });
  expect(await fetchEvidence({ agent: "a" }, get)).toEqual({ items: [ITEM], hasMore: false });
  await fetchEvidence({ agent: "a&b", alarm: "hot-1/#" }, get);
  expect(asked).toEqual([
    `/api/v1/evidence?agent=a&limit=${EVIDENCE_SHOWN_MAX}`,
    `/api/v1/evidence?agent=a%26b&limit=${EVIDENCE_SHOWN_MAX}&alarm=hot-1%2F%23`,
  ]);
});

test("what is no evidence is left out, and what is no answer is none", async () => {
  const evidence = [ITEM, { ...ITEM, bytes: "many" }, { ...ITEM, state: "gone" }, { ...ITEM, id: 7 }, null];
  const { get } = answering(200, { evidence, cursor: "next" });
  expect(await fetchEvidence({ agent: "a" }, get)).toEqual({ items: [ITEM], hasMore: true });
  for (const [status, body] of [
    [500, { evidence: [] }],
    [200, []],
    [200, { evidence: {} }],
  ] as const)
    expect(await fetchEvidence({ agent: "a" }, answering(status, body).get)).toBeNull();
  expect(await fetchEvidence({ agent: "a" }, () => Promise.reject(new TypeError("failed")))).toBeNull();
});
