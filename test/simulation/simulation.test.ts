// The whole system in one process and simulated time: whatever links and crashes do, it converges to the truth; and the
// check that says so finds defects planted on purpose.
import { describe, expect, it } from "vitest";
import { simulate } from "./simulate.ts";
import { PLANTED_BUGS } from "./world.ts";

const isLong = process.env["MILLRACE_LONG"] === "1";
const FIXED_SEEDS = isLong ? Array.from({ length: 200 }, (_, index) => index + 1) : [1, 2, 3, 4, 5, 6];

describe("two agents, their links and central", () => {
  it.each(FIXED_SEEDS)("converge to the truth, seed %i", async (seed) => {
    const { problems } = await simulate(seed);
    expect(problems).toEqual([]);
  });

  it("converge to the truth from a fresh seed", async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { problems } = await simulate(seed);
    expect(problems, `npm run sim -- --seed ${seed}`).toEqual([]);
  });

  it("run the same way twice from one seed", async () => {
    expect(await simulate(7)).toEqual(await simulate(7));
  });
});

describe("a planted bug", () => {
  it.each(PLANTED_BUGS)("%s is found within twenty seeds", async (bug) => {
    const found: string[] = [];
    for (let seed = 31; seed <= 50 && found.length === 0; seed += 1)
      found.push(...(await simulate(seed, bug)).problems);
    expect(found).not.toEqual([]);
  });
});
