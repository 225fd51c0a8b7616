import { severityLevel } from "../model/severity-level.ts";
import type { SeverityLevel } from "../model/severity-level.ts";
import type { Speaker } from "../text/speaker.ts";

/** One shape per level, so that it reads without colour. */
const SHAPES: Readonly<Record<SeverityLevel, string>> = {
  critical: "M3 3h18v18H3z",
  high: "M12 1.5L23.5 21.5H0.5z",
  medium: "M12 0.5L23.5 12L12 23.5L0.5 12z",
  low: "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20",
};

interface SeveritySignProps {
  readonly severity: number;
  readonly speaker: Speaker;
  /** A condition that is over is drawn as an outline. */
  readonly isOver?: boolean;
}

/** Shape, letter and colour of a severity. */
export function SeveritySign({ severity, speaker, isOver = false }: SeveritySignProps) {
  const level = severityLevel(severity);
  const label = speaker.text(`severity.${level}`);
  return (
    <svg
      class={`sign is-${level} ${isOver ? "is-over" : ""}`}
      viewBox="0 0 24 24"
      role="img"
      aria-label={label}
    >
      <title>{`${label} (${severity})`}</title>
      <path d={SHAPES[level]} />
      <text x="12" y={level === "high" ? 18.5 : 16.2} text-anchor="middle">
        {speaker.text(`severity.letter.${level}`)}
      </text>
    </svg>
  );
}
