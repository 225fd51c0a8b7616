import { BEARING_DEFECTS, strikesPerTurn } from "../../simulator/src/signal/bearing.ts";
import { RandomStream } from "../../simulator/src/signal/random-stream.ts";
import { makeWaveform } from "../../simulator/src/signal/waveform.ts";
import { type Chart, drawCharts } from "./chart.ts";

const BEARING = { balls: 9, ballDiameterMm: 7.94, pitchDiameterMm: 39.04, contactDegrees: 0 };
const SAMPLE_HZ = 20_480;
const SAMPLES = 16_384;
const ROTATION_HZ = 24.5;
const SHOWN_S = 0.2;
const SHOWN_HZ = 200;

/** A bearing's acceleration, sound and with each defect, and the spectrum of its strength. */
export function drawWaveforms(): string {
  const sound = { name: "sound", defects: [], hz: null };
  const worn = BEARING_DEFECTS.map((defect) => ({
    name: defect,
    defects: [{ defect, peak: 12 }],
    hz: strikesPerTurn(BEARING, defect) * ROTATION_HZ,
  }));
  const charts = [sound, ...worn].flatMap(({ name, defects, hz }): Chart[] => {
    const values = makeWaveform({
      samples: SAMPLES,
      sampleHz: SAMPLE_HZ,
      rotationHz: ROTATION_HZ,
      bearing: BEARING,
      shaftVelocity: 2.5,
      noise: 0.5,
      defects,
      random: new RandomStream("picture"),
    });
    const strength = Float64Array.from(values, (value, at) => (at === 0 ? 0 : (value - values[at - 1]) ** 2));
    return [
      {
        title: `${name}: acceleration (m/s²), 0.2 s`,
        points: Array.from(values.subarray(0, SAMPLE_HZ * SHOWN_S), (y, at) => [at / SAMPLE_HZ, y] as const),
        ticks: [[0.1, "0.1 s"]],
      },
      {
        title: `${name}: spectrum of its strength`,
        points: spectrum(strength),
        ticks: hz === null ? [[100, "100 Hz"]] : [1, 2].map((n) => [hz * n, `${(hz * n).toFixed(1)} Hz`]),
      },
    ];
  });
  return drawCharts(charts);
}

/** Magnitudes up to `SHOWN_HZ`, by the definition. */
function spectrum(values: Float64Array): (readonly [number, number])[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const binHz = SAMPLE_HZ / SAMPLES;
  return Array.from({ length: Math.floor(SHOWN_HZ / binHz) }, (_, bin) => {
    let [real, imaginary] = [0, 0];
    values.forEach((value, at) => {
      const angle = (-2 * Math.PI * bin * at) / SAMPLES;
      real += (value - mean) * Math.cos(angle);
      imaginary += (value - mean) * Math.sin(angle);
    });
    return [bin * binHz, Math.hypot(real, imaginary) / SAMPLES] as const;
  });
}
