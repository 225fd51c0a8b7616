// `node scripts/simulator-pictures.ts`: draws the pictures of docs/simulator.md from the ready plans. The same plans
// give the same pictures.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { drawFestival } from "./simulator-pictures/draw-festival.ts";
import { drawRoute } from "./simulator-pictures/draw-route.ts";
import { drawSignals } from "./simulator-pictures/draw-signals.ts";
import { drawWaveforms } from "./simulator-pictures/draw-waveforms.ts";
import { checkoutPath } from "./start/run-folder.ts";

const folder = checkoutPath("docs/picture");
writeFileSync(join(folder, "simulator-signals.svg"), drawSignals());
writeFileSync(join(folder, "simulator-waveforms.svg"), drawWaveforms());
writeFileSync(join(folder, "simulator-festival.svg"), drawFestival());
writeFileSync(join(folder, "simulator-route.svg"), drawRoute());
