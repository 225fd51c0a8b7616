// Whose windows central holds beside the truth's is found out with few rows, however many other sites have.
import { expect, test } from "vitest";
import type { CentralWindow } from "./central-client.ts";
import { findOthers } from "./others-windows.ts";
import type { WindowDefinition } from "./window-oracle.ts";

const DEFINITION: WindowDefinition = {
  name: "w",
  metric: "m",
  kind: "aligned",
  sizeMs: 1_000,
  slideMs: 1_000,
  offsetMs: 0,
  latenessMs: 0,
  by: ["site"],
  ratio: null,
};

/** Central with ten million windows of another site, and this one's behind so many of them. */
async function find(site: string, behind: number) {
  let readCount = 0;
  const row = (at: number): CentralWindow => ({
    window: "w",
    group: { site: at === behind ? site : "beta" },
    startMs: at,
    endMs: at + 1_000,
    revision: 1,
    state: "final",
    values: { count: 1 },
  });
  const client = {
    async *windows() {
      for (let at = 0; at < 10_000_000; at++, readCount++) yield row(at);
    },
  };
  const { before } = await findOthers({
    client,
    definitions: [DEFINITION],
    fromMs: 1e12,
    toMs: 1e12,
    hasEnded: false,
    isOwn: ({ group }) => group["site"] === "alpha",
  });
  return { before, readCount };
}

test("others' windows of the truth's site are found behind those of other sites", async () => {
  expect(await find("alpha", 15_000)).toMatchObject({ before: 1 });
});

test("millions of windows of other sites are not read through", async () => {
  const { before, readCount } = await find("gamma", 5);
  expect(before).toBe(0);
  expect(readCount).toBeLessThan(100_000);
});
