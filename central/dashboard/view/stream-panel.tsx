import { completeToMs } from "../../src/records/complete-to-ms.ts";
import type { StreamItem } from "../feed/fetch-streams.ts";
import { sumOf } from "../model/record-sums.ts";
import type { Speaker } from "../text/speaker.ts";
import type { PanelProps } from "./page.tsx";

/** Streams of records: what has come of each, what became of it, and what keeps it from being read. */
export function StreamPanel({ page, speaker }: PanelProps) {
  const streams = page.streams.value;
  return (
    <section class="panel agents" id="streams" tabIndex={-1} aria-labelledby="streams-title">
      <header>
        <h2 id="streams-title">{speaker.text("streams.title")}</h2>
      </header>
      {streams.length === 0 ? (
        <p class="empty">{speaker.text("streams.asking")}</p>
      ) : (
        <ul class="cards">
          {streams.map((stream) => (
            <StreamRow key={stream.stream} item={stream} page={page} speaker={speaker} />
          ))}
        </ul>
      )}
    </section>
  );
}

function StreamRow({ item, page, speaker }: PanelProps & { readonly item: StreamItem }) {
  const { stream, source, totals, partitions, reading } = item;
  const nowMs = page.nowMs.value;
  const watermarkMs = completeToMs(partitions);
  const state = reading === null ? "posted" : reading.state;
  const isTroubled = state === "no_topic" || state === "trouble" || state === "stopped";
  const rejected = sumOf(totals.rejected);
  const lag = reading === null ? null : sumOf(reading.lag);
  return (
    <li class={`agent ${isTroubled ? "is-silent" : ""}`} data-testid={`stream-${stream}`} data-state={state}>
      <div class="who">
        <b>{stream}</b>
        <span class="labels">{source}</span>
      </div>
      <p class="state">
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d={isTroubled ? "M8 1.5L15 14H1z" : "M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10"} />
        </svg>
        <b>{speaker.text(`streams.state.${state}`)}</b>
        <span>{speaker.text("streams.partitions", { count: partitions.length })}</span>
      </p>
      {reading !== null && reading.reason !== "" && <p class="absent">{reading.reason}</p>}
      <dl class="facts">
        <Fact
          name={speaker.text("agents.watermark")}
          text={
            watermarkMs === null
              ? "–"
              : speaker.text("agents.behind", { age: speaker.age(nowMs - watermarkMs) })
          }
        />
        {lag !== null && <Fact name={speaker.text("streams.lag")} text={speaker.count(lag)} />}
        <Fact name={speaker.text("streams.received")} text={speaker.count(totals.received)} />
        <Fact name={speaker.text("streams.aggregated")} text={speaker.count(totals.aggregated)} />
        <Fact name={speaker.text("streams.duplicates")} text={speaker.count(totals.duplicates)} />
        <Fact
          name={speaker.text("streams.rejected")}
          text={speaker.count(rejected)}
          isNotable={rejected > 0}
        />
        <Losses totals={totals} speaker={speaker} />
      </dl>
    </li>
  );
}

/** What is in no window either: told only where there is some of it. */
function Losses({ totals, speaker }: { readonly totals: StreamItem["totals"]; readonly speaker: Speaker }) {
  return (
    <>
      {LOSSES.filter((name) => totals[name] > 0).map((name) => (
        <Fact
          key={name}
          name={speaker.text(`streams.${name}`)}
          text={speaker.count(totals[name])}
          isNotable={name !== "noEffect" && name !== "unwindowed"}
        />
      ))}
    </>
  );
}

const LOSSES = ["tooLate", "setAside", "lost", "noEffect", "unwindowed"] as const;

interface FactProps {
  readonly name: string;
  readonly text: string;
  readonly isNotable?: boolean;
}

function Fact({ name, text, isNotable = false }: FactProps) {
  return (
    <div class={isNotable ? "is-notable" : ""}>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </div>
  );
}
