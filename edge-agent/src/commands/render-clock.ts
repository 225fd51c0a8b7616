import { plainText } from "@millrace/runtime";
import type { StatusPage } from "../status/status-server.ts";
import { seriesText } from "./series-text.ts";

/** Further apart than this, central's clock confirms no agent's: one of the two is wrong. */
const DISAGREES_MS = 60_000;

/** Whether the agent's clock is to be believed, and which sensors' clocks are not. */
export function renderClock({ clock, link, sensorClocks }: StatusPage): readonly string[] {
  const { clockOffsetMs } = link;
  const isApart = clockOffsetMs !== null && Math.abs(clockOffsetMs) > DISAGREES_MS;
  const verdict = isApart
    ? "NOT PLAUSIBLE, or central's is not"
    : !clock.isSynchronised
      ? "behind what is stored: taken as not synchronised"
      : clock.isProven
        ? "plausible, confirmed by central"
        : "plausible, confirmed by nobody since the start";
  const { ahead, behind, most } = sensorClocks;
  const worst = most.map((one) => `${plainText(seriesText(one))} ${apart(one.aheadMs)}`).join(", ");
  // While nobody has told the time they bear each other out.
  const neverAct = clock.isProven ? " (never act)" : "";
  return [
    `clock      ${verdict}${clockOffsetMs === null ? "" : `: ${apart(-clockOffsetMs)} central`}`,
    ...(ahead + behind === 0
      ? []
      : [
          `           of sensors, by series: ${ahead} too far ahead of it (rejected or held), ${behind} too far behind${neverAct}`,
          `           the furthest: ${worst} this agent`,
        ]),
  ];
}

function apart(aheadMs: number): string {
  return `${spoken(Math.abs(aheadMs))} ${aheadMs > 0 ? "ahead of" : "behind"}`;
}

function spoken(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 120_000) return `${(durationMs / 1_000).toFixed(1)} s`;
  const minutes = Math.round(durationMs / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days ${hours % 24} h`;
}
