// The pictures of docs/simulator.md are those that the simulator makes now.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { checkoutPath } from "../start/run-folder.ts";
import { drawFestival } from "./draw-festival.ts";
import { drawRoute } from "./draw-route.ts";
import { drawSignals } from "./draw-signals.ts";
import { drawWaveforms } from "./draw-waveforms.ts";

test.each([
  ["simulator-signals.svg", drawSignals],
  ["simulator-waveforms.svg", drawWaveforms],
  ["simulator-festival.svg", drawFestival],
  ["simulator-route.svg", drawRoute],
])("%s is as it is drawn", (file, draw) => {
  // Otherwise: node scripts/simulator-pictures.ts
  expect(draw() === readFileSync(checkoutPath(`docs/picture/${file}`), "utf8")).toBe(true);
});
