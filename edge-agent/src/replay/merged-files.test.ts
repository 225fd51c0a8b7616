// Several files become one recording, in order of time; a message without a time, or with an absurd one, keeps its place.
import { expect, test } from "vitest";
import { mergedFiles } from "./merged-files.ts";
import type { Recorded } from "./recorded-message.ts";

const MINUTE = 60_000;
const YEAR = 365 * 24 * 60 * MINUTE;

/** Each chunk lists its messages' times; null: it has none. */
async function* file(name: string, chunks: readonly (readonly (number | null)[])[]) {
  let line = 0;
  for (const chunk of chunks)
    yield await Promise.resolve(
      chunk.map((timeMs): Recorded => {
        line += 1;
        const place = { file: name, line, column: 1 };
        return {
          kind: "message",
          message: { topic: "t", payload: new Uint8Array(), timeMs, isRetained: false, place },
        };
      }),
    );
}

async function merged(...files: readonly AsyncIterable<readonly Recorded[]>[]) {
  const seen: string[] = [];
  const timeOf = (recorded: Recorded) => (recorded.kind === "bad" ? null : recorded.message.timeMs);
  for await (const { recorded, timeMs } of mergedFiles(files, timeOf)) {
    const { file: name, line } = recorded.kind === "bad" ? recorded.bad.place : recorded.message.place;
    seen.push(`${name}${line}@${timeMs / MINUTE}`);
  }
  return seen.join(" ");
}

const minutes = (...times: readonly (number | null)[]) =>
  times.map((time) => (time === null ? null : time * MINUTE));

test("files are merged by time, over chunks; the first given is first at the same time", async () => {
  const a = file("a", [minutes(1, 3), [], minutes(5)]);
  const b = file("b", [minutes(2), minutes(3, 4)]);
  expect(await merged(a, b)).toBe("a1@1 b1@2 a2@3 b2@3 b3@4 a3@5");
  expect(await merged(file("a", [[]]), file("b", []))).toBe("");
});

test("within a file the order stays, and time does not go back", async () => {
  expect(await merged(file("a", [minutes(1, 5, 2, null, 6)]))).toBe("a1@1 a2@5 a3@5 a4@5 a5@6");
  expect(await merged(file("a", [minutes(null, 2)]), file("b", [minutes(1)]))).toBe("a1@-Infinity b1@1 a2@2");
});

test("one clock that is a year ahead carries nobody away; a recording that goes on a year later goes on", async () => {
  const wrong = file("a", [[1 * MINUTE, YEAR], minutes(2, 3)]);
  expect(await merged(wrong, file("b", [minutes(2.5)]))).toBe("a1@1 a2@1 a3@2 b1@2.5 a4@3");
  const gap = file("a", [[0, YEAR], [YEAR + MINUTE]]);
  expect(await merged(gap)).toBe(`a1@0 a2@${YEAR / MINUTE} a3@${YEAR / MINUTE + 1}`);
  expect(await merged(file("a", [[YEAR], minutes(1, 2)]))).toBe("a1@-Infinity a2@1 a3@2");
});
