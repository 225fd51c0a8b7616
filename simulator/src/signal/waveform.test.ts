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
/** mm/s RMS. */
const SHAFT_VELOCITY = 2.5;

function waveform(defects: readonly { readonly defect: BearingDefect; readonly peak: number }[]) {
  return makeWaveform({
    samples: SAMPLES,
    sampleHz: SAMPLE_HZ,
    rotationHz: ROTATION_HZ,
    bearing: BEARING,
    shaftVelocity: SHAFT_VELOCITY,
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

test("where the balls bear at an angle, its cosine is the share of their diameter that counts", () => {
  const angular = { balls: 13, ballDiameterMm: 7.938, pitchDiameterMm: 38.5, contactDegrees: 40 };
  const ratio = (7.938 / 38.5) * Math.cos((40 / 180) * Math.PI);
  const rates = BEARING_DEFECTS.map((defect) => strikesPerTurn(angular, defect));
  const expected = [
    6.5 * (1 - ratio),
    6.5 * (1 + ratio),
    (38.5 / 7.938 / 2) * (1 - ratio ** 2),
    (1 - ratio) / 2,
  ];
  expected.forEach((rate, at) => expect(rates[at]).toBeCloseTo(rate, 6));
});

/** By trapezoids in the spectrum: mm/s RMS from 10 to 1,000 Hz. */
function velocityRms(values: Float32Array): number {
  let square = 0;
  spectrum(Float64Array.from(values)).forEach((magnitude, bin) => {
    const hz = (bin * SAMPLE_HZ) / SAMPLES;
    if (hz >= 10 && hz <= 1_000) square += 2 * (magnitude / (2 * Math.PI * hz)) ** 2;
  });
  return Math.sqrt(square) * 1_000;
}

test("its velocity is what a vibration sensor says beside it, 10 to 1,000 Hz", () => {
  expect(velocityRms(waveform([])) / SHAFT_VELOCITY).toBeCloseTo(1, 1);
  // Strikes are short and ring high above: they show in the acceleration long before they do in the velocity.
  expect(velocityRms(waveform([{ defect: "outer-race", peak: 20 }])) / SHAFT_VELOCITY).toBeCloseTo(1, 1);
});

test("the shaft's harmonics are as strong to each other as they should be", () => {
  const magnitudes = spectrum(Float64Array.from(waveform([])));
  const energy = (hz: number): number => {
    const bin = Math.round((hz * SAMPLES) / SAMPLE_HZ);
    return Math.sqrt(magnitudes.slice(bin - 4, bin + 5).reduce((sum, each) => sum + each * each, 0));
  };
  expect(energy(2 * ROTATION_HZ) / energy(ROTATION_HZ)).toBeCloseTo(0.4, 1);
  expect(energy(3 * ROTATION_HZ) / energy(ROTATION_HZ)).toBeCloseTo(0.15, 1);
});

test.each(["inner-race", "ball"] as const)(
  "what passes through the loaded side swells with it: side bands of %s, and none of the outer race",
  (defect) => {
    const beside = (kind: BearingDefect): number => {
      const magnitudes = envelopeSpectrum(waveform([{ defect: kind, peak: 20 }]));
      const hz = strikesPerTurn(BEARING, kind) * ROTATION_HZ;
      const turnHz = (defect === "ball" ? strikesPerTurn(BEARING, "cage") : 1) * ROTATION_HZ;
      return (
        Math.min(peakAt(magnitudes, hz - turnHz), peakAt(magnitudes, hz + turnHz)) / peakAt(magnitudes, hz)
      );
    };
    expect(beside(defect)).toBeGreaterThan(0.3);
    expect(beside("outer-race")).toBeLessThan(0.2);
  },
);

test("strikes slip, and what they slip adds up: the rate's peak is broad, of its harmonics broader", () => {
  const magnitudes = envelopeSpectrum(waveform([{ defect: "outer-race", peak: 20 }]));
  const hz = strikesPerTurn(BEARING, "outer-race") * ROTATION_HZ;
  /** Share of what is within 2 Hz that is in the three bins around the greatest. */
  const sharpness = (of: number): number => {
    const reach = Math.round((2 * SAMPLES) / SAMPLE_HZ);
    const middle = Math.round((of * SAMPLES) / SAMPLE_HZ);
    const band = Array.from(magnitudes.subarray(middle - reach, middle + reach + 1));
    const top = band.indexOf(Math.max(...band));
    const sum = (part: readonly number[]): number => part.reduce((total, each) => total + each * each, 0);
    return sum(band.slice(Math.max(0, top - 1), top + 2)) / sum(band);
  };
  expect(sharpness(hz)).toBeGreaterThan(sharpness(8 * hz));
});

test("the bytes are these on every machine", () => {
  const bytes = waveform([{ defect: "inner-race", peak: 5 }]);
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(
    "1d093058e6735644e6b6dbd8f16fb4c1305144464ec2f11698cfae5d53fd6cf8",
  );
});
