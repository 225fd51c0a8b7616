// Who may be asked for in the quarantine: whoever may have sent something, whether anything of it is kept or not.
import { expect, test } from "vitest";
import { requireSender } from "./require-sender.ts";

const kept = (entries: number) => ({
  taken: 9,
  kept: { entries, bytes: 0 },
  dropped: { flood: 0, room: 0, age: 0 },
});
const KNOWN = { agents: ["alpha-1"], streams: ["orders"] };

function answerTo(sender: string, counts = (_agent: string): ReturnType<typeof kept> | null => kept(0)) {
  try {
    requireSender(sender, { ...KNOWN, countsOf: counts });
    return "known";
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}

test("an agent, a partition of a stream, strangers, and whoever something is kept of may be asked for", () => {
  for (const sender of ["alpha-1", "orders/0", "orders/17", "(unknown)"])
    expect([sender, answerTo(sender)]).toEqual([sender, "known"]);
  expect(answerTo("gone-1", (agent) => kept(agent === "gone-1" ? 1 : 0))).toBe("known");
});

test("before central is open nobody is unknown", () => {
  expect(answerTo("alpha-9", () => null)).toBe("known");
});

test.each([
  ["alpha-2", "did you mean alpha-1?"],
  ["orders", "did you mean orders/0?"],
  ["order/3", "did you mean orders/0?"],
  ["orders/x", "did you mean orders/0?"],
  ["mars", "/api/v1/agents and /api/v1/records list who sends"],
])("central has not heard of %s: %s", (sender, wayOut) => {
  expect(answerTo(sender)).toBe(`central has not heard of ${sender}; ${wayOut}`);
});
