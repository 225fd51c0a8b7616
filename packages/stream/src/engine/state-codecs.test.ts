// The engine's keys and values on disk: these very bytes must be readable for ever.
import fc from "fast-check";
import { expect, test } from "vitest";
import { paneLayout } from "../pane-layout.ts";
import { emptyPane, matchLayouts, mergePane, mergeRows } from "../pane-state.ts";
import { decodeMarker, encodeMarker } from "./open-marker.ts";
import { decodePane, encodePane } from "./pane-codec.ts";
import { decodeSessions, encodeSessions } from "./session-codec.ts";
import { parseStateKey, stateKey, stateRange, viewKeyName } from "./state-key.ts";

const layout = paneLayout(1_000, ["min", "last"]);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const pane = (...fields: number[]) => ({ fields: Float64Array.from(fields), sketches: [] });

test("a pane of version 1 is read", () => {
  const state = Float64Array.of(2, -0, 1e12, 0.1, 0, 1, 0);
  const golden = [
    "0104",
    "0103070f",
    "0000000000000040",
    "0000000000000080",
    "000000a2941a6d42",
    "9a9999999999b93f",
  ]
    .concat(["0000000000000000", "000000000000f03f", "0000000000000000"])
    .join("");
  expect(decodePane(layout, Buffer.from(golden, "hex"))).toEqual({ fields: state, sketches: [] });
});

test("a pane of version 2", () => {
  const withParams = paneLayout(1_000, ["ratio(2,80)"]);
  const state = pane(3, 1, 3, 0, 0, 1);
  const golden = [
    ["0203"],
    ["0100", "08000000", "0000000000000840"],
    ["0e02", "0000000000000040", "0000000000005440", "10000000", "000000000000f03f", "0000000000000840"],
    ["0f00", "18000000", "0000000000000000", "0000000000000000", "000000000000f03f"],
  ]
    .flat()
    .join("");
  expect(hex(encodePane(withParams, state))).toBe(golden);
  expect(decodePane(withParams, Buffer.from(golden, "hex"))).toEqual(state);
  // The same limit and another side is another accumulator.
  expect(decodePane(paneLayout(1_000, ["ratio(0,80)"]), Buffer.from(golden, "hex"))).toEqual(
    pane(3, NaN, NaN, 0, 0, 1),
  );
});

test("a pane keeps its sketches; one that was not told of the readings is unknown, and stays so", () => {
  const sketched = paneLayout(1_000, ["quantiles", "distinct"]);
  const state = emptyPane(sketched);
  state.fields[0] = 3;
  for (const value of [1, 2, 2]) state.sketches[0]!.add(value, 0);
  state.sketches[1] = null;
  const again = decodePane(sketched, encodePane(sketched, state))!;
  expect(again.sketches[0]!.encode()).toEqual(state.sketches[0]!.encode());
  expect(again.sketches[1]).toBeNull();
  expect(decodePane(paneLayout(1_000, ["topk"]), encodePane(sketched, state))!.sketches).toEqual([null]);
  const bytes = encodePane(sketched, state);
  expect(decodePane(sketched, bytes.subarray(0, -1))).toBeNull();
});

test("a part of an unknown number is written again as it came, until the pane takes a reading that it was not told of", () => {
  const plain = paneLayout(1_000, []);
  const bytes = encodePane(plain, pane(2, 0, 0, 0));
  const longer = Uint8Array.of(2, 3, ...bytes.subarray(2), 99, 0, 2, 0, 0, 0, 1, 2);
  const stored = () => decodePane(plain, longer)!;
  expect(stored()).toMatchObject(pane(2, 0, 0, 0));
  expect(encodePane(plain, stored())).toEqual(longer);
  // Moved into an empty pane, or beside readings that only count beside it.
  const moved = emptyPane(plain);
  mergePane(plain, moved, stored());
  mergePane(plain, moved, pane(0, 1, 0, 0));
  expect(encodePane(plain, moved)).toEqual(
    Uint8Array.of(2, 3, ...encodePane(plain, pane(2, 1, 0, 0)).subarray(2), 99, 0, 2, 0, 0, 0, 1, 2),
  );
  const merged = stored();
  mergePane(plain, merged, pane(1, 0, 0, 0));
  expect(encodePane(plain, merged)).toEqual(encodePane(plain, pane(3, 0, 0, 0)));
  const into = pane(1, 0, 0, 0);
  mergePane(plain, into, stored());
  expect(encodePane(plain, into)).toEqual(encodePane(plain, pane(3, 0, 0, 0)));
  const gained = stored();
  const row = { layout: plain, state: Float64Array.of(1, 0, 0, 0), sketches: [] };
  mergeRows(plain, gained, row, [0], matchLayouts(plain, plain));
  expect(encodePane(plain, gained)).toEqual(encodePane(plain, pane(3, 0, 0, 0)));
});

test("a pane stored with other accumulators gives what both know; what it was not told of is unknown", () => {
  const bytes = encodePane(layout, pane(2, -5, 1e12, 0.1, 0, 1, 0));
  expect(decodePane(paneLayout(1_000, ["sum", "last"]), bytes)).toEqual(
    pane(2, NaN, NaN, 1e12, 0.1, 0, 1, 0),
  );
  expect(decodePane(layout, bytes.subarray(0, -1))).toBeNull();
});

test("a marker", () => {
  const marker = { openedAtMs: 1_700_000_000_000, firstPassedAtMs: null, isAside: true };
  expect(new TextDecoder().decode(encodeMarker(marker))).toBe("[1700000000000,null,1]");
  expect(decodeMarker(encodeMarker(marker))).toEqual(marker);
  expect(decodeMarker(encodeMarker({ ...marker, firstPassedAtMs: -5 }))?.firstPassedAtMs).toBe(-5);
});

test("keys order by time, before 1970 too, and give their parts back", () => {
  expect(stateKey("w", "minute", 0, '["a|b"]')).toBe('w|minute|10000000000000|["a|b"]');
  expect(viewKeyName("t|x", 1_000, ["site", "a,b"])).toBe("t%7Cx@1000:site,a%2Cb");
  const time = fc.integer({ min: -4e15, max: 4e15 });
  fc.assert(
    fc.property(time, time, fc.string(), (a, b, group) => {
      const [left, right] = [stateKey("p", "v", a, group), stateKey("p", "v", b, group)];
      expect(left < right).toBe(a < b);
      expect(parseStateKey(left)).toEqual({ kind: "p", name: "v", startMs: a, group });
      const { from, to } = stateRange("p", "v", a, b);
      expect(from <= right && right < to).toBe(false);
      if (a < b) expect(from <= left && left < to).toBe(true);
    }),
  );
});

test("junk is a value, never a throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (bytes, key) => {
      decodePane(layout, bytes);
      decodeMarker(bytes);
      expect(parseStateKey(key)).toBeNull();
    }),
  );
});

test("where sessions lie", () => {
  const sessions = {
    gapMs: 1_000,
    lengthMsMax: 86_400_000,
    of: "t",
    parts: [
      { firstMs: 1e12, lastMs: 1e12 + 1, isApart: false },
      { firstMs: 2e12, lastMs: 2e12, isApart: true },
    ],
  };
  const golden = [
    ["0000000000408f40", "0000000070999441", "0100", "74"],
    ["000000a2941a6d42", "002000a2941a6d42", "00"],
    ["000000a2941a7d42", "000000a2941a7d42", "01"],
  ]
    .flat()
    .join("");
  expect(hex(encodeSessions(sessions, sessions.parts))).toBe(`02${golden}`);
  const bytes = Buffer.from(`02${golden}`, "hex");
  expect(decodeSessions(bytes)).toEqual(sessions);
  const first = Buffer.from(`01${golden.replace("010074", "")}`, "hex");
  expect(decodeSessions(first)).toEqual({ ...sessions, of: null });
  expect(parseStateKey(stateKey("s", "run", 0, "[]"))).toMatchObject({ kind: "s", name: "run" });
  // Cut short, of another version, out of order.
  expect(decodeSessions(bytes.subarray(0, -1))).toBeNull();
  expect(decodeSessions(bytes.subarray(0, 1))).toBeNull();
  expect(decodeSessions(Uint8Array.of(3, ...bytes.subarray(1)))).toBeNull();
  expect(decodeSessions(bytes.subarray(0, 19))).toBeNull();
  expect(decodeSessions(encodeSessions(sessions, sessions.parts.toReversed()))).toBeNull();
  expect(decodeSessions(new Uint8Array(0))).toBeNull();
});
