import type { Speaker } from "../text/speaker.ts";

interface ShowMoreProps {
  readonly isExpanded: boolean;
  /** What it would show beside what is there. */
  readonly moreCount: number;
  readonly onToggle: () => void;
  readonly speaker: Speaker;
}

/** Shows more of a list, and less again. */
export function ShowMore({ isExpanded, moreCount, onToggle, speaker }: ShowMoreProps) {
  return (
    <button type="button" class="quiet" aria-expanded={isExpanded} onClick={onToggle}>
      {isExpanded ? speaker.text("action.showLess") : speaker.text("action.showMore", { count: moreCount })}
    </button>
  );
}
