// `node scripts/simulator-pictures.ts`: draws the pictures of docs/simulator.md from the plan factory-week. The same plan
// gives the same pictures.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { drawSignals } from "./simulator-pictures/draw-signals.ts";
import { drawWaveforms } from "./simulator-pictures/draw-waveforms.ts";
import { checkoutPath } from "./start/run-folder.ts";

const folder = checkoutPath("docs/picture");
writeFileSync(join(folder, "simulator-signals.svg"), drawSignals());
writeFileSync(join(folder, "simulator-waveforms.svg"), drawWaveforms());
