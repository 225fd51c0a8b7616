// A pause of the process itself is told from its own ticks, whatever the clock began at.
import { expect, test } from "vitest";
import { WakeWatch } from "./wake-watch.ts";

test("only a gap far above the tick is a pause, and it is told once", () => {
  const watch = new WakeWatch();
  const wakings = [5_000, 5_250, 5_900, 65_900, 65_901, 66_150, 67_150].filter((atMs) =>
    watch.isWaking(atMs),
  );
  expect(wakings).toEqual([65_900, 67_150]);
});
