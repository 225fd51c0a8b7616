// A part of evidence comes back as it was, of exactly the length that its manifest gives it; junk is refused, never thrown.
import fc from "fast-check";
import { assert, expect, test } from "vitest";
import {
  decodeEvidencePart,
  encodeEvidencePart,
  EVIDENCE_KINDS,
  type EvidenceManifest,
  evidencePartCount,
} from "./evidence-part.ts";

const hex = (count: number) =>
  fc.uint8Array({ minLength: count, maxLength: count }).map((bytes) => Buffer.from(bytes).toString("hex"));
const anyManifest: fc.Arbitrary<EvidenceManifest> = fc
  .record({
    id: hex(16),
    kind: fc.constantFrom(...EVIDENCE_KINDS),
    name: fc.string({ maxLength: 40 }),
    labels: fc.dictionary(fc.string({ maxLength: 10 }), fc.string({ maxLength: 20 }), { maxKeys: 5 }),
    times: fc.tuple(fc.maxSafeInteger(), fc.maxSafeInteger()),
    contentType: fc.constantFrom("text/csv", "image/jpeg", 'text/plain; charset="utf-8"'),
    sha256: hex(32),
    bytes: fc.nat(10_000),
    partBytes: fc.integer({ min: 1_024, max: 4_096 }),
    alarm: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
  })
  .map(({ times, alarm, ...manifest }) => ({
    ...manifest,
    startMs: Math.min(...times),
    endMs: Math.max(...times),
    ...(alarm === undefined ? {} : { alarm }),
  }));

test("every part of every whole comes back", () => {
  fc.assert(
    fc.property(anyManifest, fc.nat(255), (manifest, fill) => {
      for (let part = 0; part < evidencePartCount(manifest); part += 1) {
        const length = Math.min(manifest.partBytes, manifest.bytes - part * manifest.partBytes);
        const data = new Uint8Array(length).fill(fill);
        const decoded = decodeEvidencePart(encodeEvidencePart({ manifest, part, data }));
        expect(decoded).toEqual({ ok: true, message: { manifest, part, data } });
      }
    }),
  );
});

test("nothing has one part, and it is empty", () => {
  expect(evidencePartCount({ bytes: 0, partBytes: 1_024 })).toBe(1);
  expect(evidencePartCount({ bytes: 1_024, partBytes: 1_024 })).toBe(1);
  expect(evidencePartCount({ bytes: 1_025, partBytes: 1_024 })).toBe(2);
});

test("a part of another length, beyond the last, or of a whole that is too great is refused", () => {
  const manifest: EvidenceManifest = {
    id: "ab".repeat(16),
    kind: "payload",
    name: "waveform",
    labels: {},
    startMs: 1,
    endMs: 1,
    contentType: "text/csv",
    sha256: "00".repeat(32),
    bytes: 1_500,
    partBytes: 1_024,
  };
  const refused = (changed: object, part: number, length: number) => {
    const bytes = encodeEvidencePart({
      manifest: { ...manifest, ...changed },
      part,
      data: new Uint8Array(length),
    });
    const decoded = decodeEvidencePart(bytes);
    return decoded.ok ? "taken" : decoded.detail;
  };
  expect(refused({}, 0, 1_024)).toBe("taken");
  expect(refused({}, 0, 1_023)).toContain("another length");
  expect(refused({}, 1, 477)).toContain("another length");
  expect(refused({}, 2, 0)).toContain("part");
  expect(refused({ bytes: 65 * 2 ** 20 }, 0, 1_024)).toContain("bytes");
  expect(refused({ partBytes: 1 }, 0, 1)).toContain("partBytes");
  expect(refused({ id: "../../etc" }, 0, 1_024)).toContain("id");
  expect(refused({ contentType: "text/html\r\nset-cookie: a=b" }, 0, 1_024)).toContain("contentType");
  expect(refused({ endMs: 0 }, 0, 1_024)).toContain("endMs");
});

test("junk and changed bytes are refused or read, never thrown", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => assert(!decodeEvidencePart(junk).ok)));
  fc.assert(
    fc.property(anyManifest, fc.nat(), fc.nat(255), (manifest, at, byte) => {
      const length = Math.min(manifest.partBytes, manifest.bytes);
      const bytes = encodeEvidencePart({ manifest, part: 0, data: new Uint8Array(length) });
      bytes[at % bytes.length] = byte;
      void decodeEvidencePart(bytes);
    }),
  );
});
