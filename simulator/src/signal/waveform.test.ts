// A defect shows where the bearing's geometry says: in the spectrum of the envelope, at its own rate and no other's.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { BEARING_DEFECTS, strikesPerTurn, type BearingDefect } from "./bearing.ts";
import { RandomStream } from "./random-stream.ts";
import { makeWaveform } from "./waveform.ts";

/** SKF 6205, whose rates every data set of bearings names. */
const BEARING = { balls: 9, ballDiameterMm: 7.94, pitchDiameterMm: 39.04, contactDegrees: 0 };
const SAMPLE_HZ = 20_480;
const ROTATION_HZ = 24.5;
const SAMPLES = 32_768;

function waveform(defects: readonly { readonly defect: BearingDefect; readonly peak: number }[]) {
  return makeWaveform({
    samples: SAMPLES,
    sampleHz: SAMPLE_HZ,
    rotationHz: ROTATION_HZ,
    bearing: BEARING,
    shaft: 2,
    noise: 0.5,
    defects,
    random: new RandomStream("waveform"),
  });
}

/** Magnitudes by bin of `SAMPLE_HZ / length`: Cooley and Tukey, radix 2. */
function spectrum(values: Float64Array): Float64Array {
  const length = values.length;
  const real = new Float64Array(length);
  const imaginary = new Float64Array(length);
  const bits = Math.log2(length);
  for (let at = 0; at < length; at += 1) {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit += 1) reversed |= ((at >> bit) & 1) << (bits - 1 - bit);
    real[reversed] = values[at];
  }
  for (let size = 2; size <= length; size *= 2) {
    for (let start = 0; start < length; start += size) {
      for (let at = 0; at < size / 2; at += 1) {
        const angle = (-2 * Math.PI * at) / size;
        const [one, two] = [start + at, start + at + size / 2];
        const r = real[two] * Math.cos(angle) - imaginary[two] * Math.sin(angle);
        const i = real[two] * Math.sin(angle) + imaginary[two] * Math.cos(angle);
        real[two] = real[one] - r;
        imaginary[two] = imaginary[one] - i;
        real[one] += r;
        imaginary[one] += i;
      }
    }
  }
  return real.map((each, at) => Math.hypot(each, imaginary[at]) / length).slice(0, length / 2);
}

/** Of the ringing's strength: what is slower than the shaft's harmonics is differenced away, and the mean. */
function envelopeSpectrum(values: Float32Array): Float64Array {
  const strength = Float64Array.from(values, (value, at) => (at === 0 ? 0 : (value - values[at - 1]) ** 2));
  const mean = strength.reduce((sum, each) => sum + each, 0) / strength.length;
  return spectrum(strength.map((each) => each - mean));
}

/** The greatest magnitude within 1 % of a rate. */
function peakAt(magnitudes: Float64Array, hz: number): number {
  const bin = (hz * SAMPLES) / SAMPLE_HZ;
  return Math.max(...magnitudes.slice(Math.floor(bin * 0.99), Math.ceil(bin * 1.01) + 1));
}

test("the rates of a 6205 are those of its maker", () => {
  const rates = BEARING_DEFECTS.map((defect) => strikesPerTurn(BEARING, defect));
  [3.5848, 5.4152, 4.7135 / 2, 0.39828].forEach((rate, at) => expect(rates[at]).toBeCloseTo(rate, 2));
  const [outer, inner] = rates;
  expect(outer + inner).toBeCloseTo(BEARING.balls, 12);
});

test.each(BEARING_DEFECTS)("a defect of %s stands out at its rate, and is not there without it", (defect) => {
  const hz = strikesPerTurn(BEARING, defect) * ROTATION_HZ;
  const worn = envelopeSpectrum(waveform([{ defect, peak: 20 }]));
  const sound = envelopeSpectrum(waveform([]));
  const floor = worn.slice(10, 600).sort()[295];
  expect(peakAt(worn, hz)).toBeGreaterThan(4 * floor);
  expect(peakAt(worn, hz)).toBeGreaterThan(20 * peakAt(sound, hz));
  for (const other of BEARING_DEFECTS) {
    // The cage's harmonics are everywhere; a ball's strikes swell with its turns, which shows at the cage's rate as well.
    if (other === defect || defect === "cage") continue;
    const otherHz = strikesPerTurn(BEARING, other) * ROTATION_HZ;
    expect(peakAt(worn, hz)).toBeGreaterThan(1.5 * peakAt(worn, otherHz));
  }
});

test("the shaft's harmonics have the amplitudes that were asked", () => {
  const magnitudes = spectrum(Float64Array.from(waveform([])));
  const energy = (hz: number): number => {
    const bin = Math.round((hz * SAMPLES) / SAMPLE_HZ);
    return Math.sqrt(magnitudes.slice(bin - 4, bin + 5).reduce((sum, each) => sum + each * each, 0));
  };
  // A sine of amplitude A has A / 2 in its bin.
  expect(energy(ROTATION_HZ) * 2).toBeCloseTo(2, 1);
  expect(energy(2 * ROTATION_HZ) * 2).toBeCloseTo(0.8, 1);
  expect(energy(3 * ROTATION_HZ) * 2).toBeCloseTo(0.3, 1);
});

test("the bytes are these on every machine", () => {
  const bytes = waveform([{ defect: "inner-race", peak: 5 }]);
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(
    "21b9b6cf548960d9022958e884d1e1f491b747cffca511d94cf8721a6304b9f8",
  );
});
