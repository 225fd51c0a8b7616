import { strikesPerTurn, type BearingDefect, type BearingGeometry } from "./bearing.ts";
import { portableExp, sineOfTurns } from "./portable-math.ts";
import type { RandomStream } from "./random-stream.ts";

export interface WaveformOptions {
  readonly samples: number;
  readonly sampleHz: number;
  readonly rotationHz: number;
  readonly bearing: BearingGeometry;
  /** Velocity of the shaft's harmonics, mm/s RMS: what a vibration sensor says beside the waveform. */
  readonly shaftVelocity: number;
  /** Deviation of the broad noise, m/s². */
  readonly noise: number;
  /** Peak acceleration of a strike by defect, m/s². */
  readonly defects: readonly { readonly defect: BearingDefect; readonly peak: number }[];
  readonly random: RandomStream;
}

/** What the housing rings at when it is struck, and how soon it is quiet again. */
const RESONANCE_HZ = 3_000;
const DECAY_S = 0.0012;
/** Rolling bodies slip: from strike to strike it takes longer or shorter by this share, which adds up as a random walk. */
const SLIP = 0.01;
/** Of the second and third harmonic of the shaft, to the first. */
const HARMONICS = [1, 0.4, 0.15] as const;

/** Velocity of the harmonics together, RMS, over that of a first one with this peak: each of h times the rate has 1/h of it. */
const HARMONICS_RMS = Math.sqrt(HARMONICS.reduce((sum, share, at) => sum + (share / (at + 1)) ** 2 / 2, 0));

/** Acceleration of a bearing's housing in m/s²: shaft harmonics, noise, and a ringing for each strike of a defect. */
export function makeWaveform(options: WaveformOptions): Float32Array {
  const { samples, sampleHz, rotationHz, random } = options;
  const values = new Float64Array(samples);
  const startTurn = random.uniform();
  const shaft = peakAcceleration(options.shaftVelocity, rotationHz);
  for (let at = 0; at < samples; at += 1) {
    const turn = startTurn + (at * rotationHz) / sampleHz;
    let value = options.noise * random.normal();
    for (let harmonic = 0; harmonic < HARMONICS.length; harmonic += 1)
      value += shaft * HARMONICS[harmonic] * sineOfTurns(turn * (harmonic + 1));
    values[at] = value;
  }
  for (const { defect, peak } of options.defects) {
    const intervalS = 1 / (strikesPerTurn(options.bearing, defect) * rotationHz);
    const cageTurns = strikesPerTurn(options.bearing, "cage");
    const endS = samples / sampleHz;
    for (
      let timeS = -random.uniform() * intervalS;
      timeS < endS;
      timeS += intervalS * (1 + SLIP * random.normal())
    ) {
      const turn = startTurn + timeS * rotationHz;
      addRinging(values, sampleHz, timeS, peak * loadShare(defect, turn, cageTurns));
    }
  }
  return Float32Array.from(values);
}

/** Of the first harmonic, m/s². */
function peakAcceleration(velocity: number, rotationHz: number): number {
  return ((velocity / 1_000) * 2 * Math.PI * rotationHz) / HARMONICS_RMS;
}

/** What turns passes through the loaded side of the bearing once a turn, of the shaft or of the cage. */
function loadShare(defect: BearingDefect, turn: number, cageTurns: number): number {
  switch (defect) {
    case "outer-race":
    case "cage":
      return 1;
    case "inner-race":
      return 0.6 + 0.4 * sineOfTurns(turn);
    case "ball":
      return 0.6 + 0.4 * sineOfTurns(turn * cageTurns);
  }
}

function addRinging(values: Float64Array, sampleHz: number, timeS: number, peak: number): void {
  const first = Math.max(0, Math.ceil(timeS * sampleHz));
  const end = Math.min(values.length, Math.ceil((timeS + 8 * DECAY_S) * sampleHz));
  for (let at = first; at < end; at += 1) {
    const sinceS = at / sampleHz - timeS;
    values[at] += peak * portableExp(-sinceS / DECAY_S) * sineOfTurns(RESONANCE_HZ * sinceS);
  }
}
