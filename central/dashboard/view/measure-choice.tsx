import { signal } from "@preact/signals";
import { measureName } from "../text/measure-text.ts";
import type { Speaker } from "../text/speaker.ts";

const STORED_AS = "millrace.measures";
/** Of metrics, those chosen last; pages of other plants may have been at this address. */
const CHOICES_MAX = 100;

/** Which of its values a metric's chart shows, where somebody has chosen one. */
export const chosenMeasures = signal<ReadonlyMap<string, string>>(readChoices());

interface MeasureChoiceProps {
  readonly metric: string;
  readonly measures: readonly string[];
  readonly shown: string;
  readonly speaker: Speaker;
}

/** Of a metric's values one to be drawn; only its name where there is no other. */
export function MeasureChoice({ metric, measures, shown, speaker }: MeasureChoiceProps) {
  if (measures.length < 2) return <span class="note">{measureName(shown, speaker)}</span>;
  return (
    <select
      aria-label={speaker.text("trends.measure", { metric })}
      value={shown}
      onChange={(event) => chooseMeasure(metric, event.currentTarget.value)}
    >
      {measures.map((measure) => (
        <option key={measure} value={measure}>
          {measureName(measure, speaker)}
        </option>
      ))}
    </select>
  );
}

function chooseMeasure(metric: string, measure: string): void {
  const others = [...chosenMeasures.value].filter(([name]) => name !== metric);
  const choices: [string, string][] = [...others, [metric, measure]];
  chosenMeasures.value = new Map(choices.slice(-CHOICES_MAX));
  try {
    localStorage.setItem(STORED_AS, JSON.stringify([...chosenMeasures.value]));
  } catch {
    // A browser that stores nothing still shows it.
  }
}

function readChoices(): ReadonlyMap<string, string> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED_AS) ?? "[]");
    return new Map(Array.isArray(stored) ? stored.filter(isChoice).slice(-CHOICES_MAX) : []);
  } catch {
    return new Map();
  }
}

function isChoice(item: unknown): item is [string, string] {
  return Array.isArray(item) && item.length === 2 && item.every((part) => typeof part === "string");
}
