import { DDSketch } from "@datadog/sketches-js";
import { Quantiles, sketchSlots, SKETCHES as KINDS, type SketchSlots } from "@millrace/stream";
import { SeededRandom } from "@millrace/testkit";
import type { Bench } from "./bench.ts";
import { measureRates } from "./measure/rates.ts";
import { rounded } from "./measure/statistics.ts";

const SKETCHES = 10_000;
/** So few that they stay in the caches. */
const FEW_SKETCHES = 100;
const SHARES = [0.5, 0.9, 0.95, 0.99];
const RELATIVE_ERROR = 0.01;

/** Readings that a table adds at a time. */
const BLOCK = 2_048;

/** Values in order of arrival, each for a sketch drawn at random. */
interface Values {
  readonly count: number;
  readonly sketch: Uint32Array;
  readonly value: Float64Array;
  /** Nothing depends on it. */
  readonly timeMs: Float64Array;
}

/**
 * Values into quantile sketches, as a table of open panes keeps them: more sketches than the processor's caches hold. Beside them
 * sketches that are objects of their own, as whoever keeps one has.
 */
export const engineQuantiles: Bench = {
  name: "engine-quantiles",
  summary: "values into 10,000 quantile sketches beside @datadog/sketches-js, with both sides' worst error",
  async run({ isQuick }) {
    const values = makeValues(isQuick ? 1_000_000 : 4_000_000);
    const ours = newOurs();
    const objects = Array.from({ length: SKETCHES }, () => new Quantiles());
    const peers = newPeers();
    const few = { ...values, sketch: values.sketch.map((sketch) => sketch % FEW_SKETCHES) };
    const rates = measureRates(
      {
        ours: () => addToOurs(values, ours),
        peer: () => addToPeers(values, peers),
        oursNew: () => addToOurs(values, newOurs()),
        peerNew: () => addToPeers(values, newPeers()),
        oursFew: () => addToOurs(few, newOurs()),
        objects: () => addToObjects(values, objects),
        peerFew: () => addToPeers(few, newPeers()),
      },
      { warmupRounds: 2, rounds: isQuick ? 5 : 11 },
    );
    const oursOnce = newOurs();
    const peersOnce = newPeers();
    addToOurs(values, oursOnce);
    addToPeers(values, peersOnce);
    const error = worstError(
      values,
      (sketch, share) => quantileOf(oursOnce, sketch, share),
      (share, count) => Math.ceil(share * count) - 1,
    );
    const peerError = worstError(
      values,
      (sketch, share) => peersOnce[sketch].getValueAtQuantile(share),
      (share, count) => Math.floor(share * (count - 1)),
    );
    return {
      value: rounded(rates.ours.perSecond),
      unit: "adds/s",
      better: "higher",
      peer: { name: "@datadog/sketches-js, 1 %", value: rounded(rates.peer.perSecond) },
      further: {
        spread: rounded(rates.ours.spread),
        newSketchesAddsPerSecond: rounded(rates.oursNew.perSecond),
        peerNewSketchesAddsPerSecond: rounded(rates.peerNew.perSecond),
        objectsAddsPerSecond: rounded(rates.objects.perSecond),
        hundredSketchesAddsPerSecond: rounded(rates.oursFew.perSecond),
        peerHundredSketchesAddsPerSecond: rounded(rates.peerFew.perSecond),
        relativeErrorMax: rounded(error),
        peerRelativeErrorMax: rounded(peerError),
        sketches: SKETCHES,
        addsPerRound: values.count,
      },
    };
  },
};

function makeValues(count: number): Values {
  const random = new SeededRandom(1, "engine-quantiles");
  const sketch = new Uint32Array(count);
  const value = new Float64Array(count);
  for (let at = 0; at < count; at += 1) {
    sketch[at] = random.integer(0, SKETCHES - 1);
    // Lognormal (0, 1), by Box and Muller.
    const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
    value[at] = Math.exp(normal);
  }
  return { count, sketch, value, timeMs: new Float64Array(count) };
}

function newOurs(): SketchSlots {
  const slots = sketchSlots(KINDS.quantiles);
  for (let slot = 0; slot < SKETCHES; slot += 1) slots.open(slot);
  return slots;
}

function newPeers(): DDSketch[] {
  return Array.from({ length: SKETCHES }, () => new DDSketch({ relativeAccuracy: RELATIVE_ERROR }));
}

function addToOurs({ count, sketch, value, timeMs }: Values, slots: SketchSlots) {
  const run = { place: sketch, value, timeMs };
  for (let from = 0; from < count; from += BLOCK) slots.addRun(run, from, Math.min(from + BLOCK, count));
  return { units: count, checkSum: quantileOf(slots, 0, 0.5) };
}

function quantileOf(slots: SketchSlots, sketch: number, share: number): number {
  const quantiles = slots.at(sketch);
  return quantiles instanceof Quantiles ? (quantiles.quantile(share) ?? Number.NaN) : Number.NaN;
}

function addToObjects({ count, sketch, value }: Values, sketches: readonly Quantiles[]) {
  for (let at = 0; at < count; at += 1) sketches[sketch[at]].add(value[at]);
  return { units: count, checkSum: sketches[0].quantile(0.5) ?? 0 };
}

function addToPeers({ count, sketch, value }: Values, sketches: readonly DDSketch[]) {
  for (let at = 0; at < count; at += 1) sketches[sketch[at]].accept(value[at]);
  return { units: count, checkSum: sketches[0].getValueAtQuantile(0.5) };
}

/** Over all sketches and shares, against the value of the rank that each side means by a quantile. */
function worstError(
  { count, sketch, value }: Values,
  quantileOf: (sketch: number, share: number) => number,
  rankOf: (share: number, count: number) => number,
): number {
  const told: number[][] = Array.from({ length: SKETCHES }, () => []);
  for (let at = 0; at < count; at += 1) told[sketch[at]].push(value[at]);
  let worst = 0;
  for (const [index, values] of told.entries()) {
    values.sort((a, b) => a - b);
    for (const share of SHARES) {
      const exact = values[rankOf(share, values.length)];
      worst = Math.max(worst, Math.abs(quantileOf(index, share) / exact - 1));
    }
  }
  return worst;
}
