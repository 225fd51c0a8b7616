import type { AgentState } from "../feed/live-frames.ts";

const SHAPES: Readonly<Record<AgentState, string>> = {
  connected: "M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10",
  silent: "M8 1.5L15 14H1z",
  never_seen: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11",
  retired: "M3 8h10",
};

/** An agent's state as a shape; its colour is that of what it stands in. */
export function AgentSign({ state }: { readonly state: AgentState }) {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[state]} />
    </svg>
  );
}
