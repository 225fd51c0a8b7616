// A payload is cut into parts that are the payload again, a few in each commit, and is durable with the last of them.
import { createHash } from "node:crypto";
import type { Change } from "@millrace/queue";
import { EVIDENCE_PART_BYTES, type EvidencePart } from "@millrace/wire";
import { expect, test } from "vitest";
import { type Evidence, EvidenceSealer, PARTS_PER_COMMIT } from "./evidence-sealer.ts";

function bench() {
  const parts: EvidencePart[] = [];
  let wakeCount = 0;
  const sealer = new EvidenceSealer({
    agent: "alpha-1",
    append: (_changes, part) => void parts.push(part),
    wake: () => (wakeCount += 1),
  });
  const changes: Change[] = [];
  return { sealer, parts, commit: () => sealer.drainInto(changes), wakes: () => wakeCount };
}

function evidenceOf(payload: Uint8Array, identity = ["topic"]): Evidence {
  return {
    kind: "payload",
    name: "waveform",
    labels: { machine: "m1" },
    startMs: 1,
    endMs: 1,
    contentType: "text/csv",
    identity,
    payload,
  };
}

test("part after part, durable with the last one", async () => {
  const { sealer, parts, commit, wakes } = bench();
  const payload = Uint8Array.from({ length: 5 * EVIDENCE_PART_BYTES + 7 }, (_, at) => at % 251);
  let isDurable = false;
  void sealer.offer(evidenceOf(payload))?.then(() => (isDurable = true));
  const first = commit();
  expect(parts).toHaveLength(PARTS_PER_COMMIT);
  first();
  await Promise.resolve();
  expect(isDurable).toBe(false);
  expect(wakes()).toBe(2);
  const last = commit();
  await Promise.resolve();
  expect(isDurable).toBe(false);
  last();
  await Promise.resolve();
  expect(isDurable).toBe(true);
  expect(sealer.isEmpty).toBe(true);
  expect(wakes()).toBe(2);
  expect(parts.map(({ part }) => part)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(Buffer.concat(parts.map(({ data }) => data))).toEqual(Buffer.from(payload));
  const sha256 = createHash("sha256").update(payload).digest("hex");
  for (const { manifest } of parts) expect(manifest).toMatchObject({ sha256, bytes: payload.length });
});

test("the same again, while it waits and after: one piece, durable each time", async () => {
  const { sealer, parts, commit } = bench();
  const evidence = evidenceOf(new Uint8Array(10));
  let durableCount = 0;
  const offer = () => void sealer.offer(evidence)?.then(() => (durableCount += 1));
  offer();
  offer();
  commit()();
  offer();
  commit()();
  await Promise.resolve();
  expect(durableCount).toBe(3);
  expect(sealer.isEmpty).toBe(true);
  expect(parts).toHaveLength(1);
  void sealer.offer({ ...evidence, identity: ["another topic"] });
  void sealer.offer({ ...evidence, payload: new Uint8Array(11) });
  commit();
  expect(parts).toHaveLength(3);
});

test("a great payload is hashed in steps, and what stands behind it waits", () => {
  const { sealer, parts, commit } = bench();
  void sealer.offer(evidenceOf(new Uint8Array(3 * 2 ** 20)));
  void sealer.offer(evidenceOf(new Uint8Array(1)));
  commit()();
  commit()();
  expect(parts).toEqual([]);
  commit()();
  expect(parts).toHaveLength(PARTS_PER_COMMIT);
  while (!sealer.isEmpty) commit()();
  expect(parts).toHaveLength(49);
});

test("another run of the agent gives the same piece the same id", () => {
  const ids = [bench(), bench()].map(({ sealer, parts, commit }) => {
    void sealer.offer(evidenceOf(new Uint8Array(10)));
    commit();
    return parts[0].manifest.id;
  });
  expect(ids[0]).toBe(ids[1]);
  expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
});

test("payloads that wait for the disk are bounded; one alone may be as great as it is", () => {
  const { sealer, commit } = bench();
  const large = new Uint8Array(40 * 2 ** 20);
  expect(sealer.offer(evidenceOf(large, ["1"]))).toBeDefined();
  expect(sealer.offer(evidenceOf(large, ["2"]))).toBeUndefined();
  expect(sealer.offer(evidenceOf(new Uint8Array(10), ["3"]))).toBeDefined();
  while (!sealer.isEmpty) commit()();
  expect(sealer.offer(evidenceOf(large, ["2"]))).toBeDefined();
});
