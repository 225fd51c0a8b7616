import { useState } from "preact/hooks";
import { type EvidenceItem, type EvidenceList, fetchEvidence } from "../feed/fetch-evidence.ts";
import type { Speaker } from "../text/speaker.ts";

interface EvidenceDetailsProps {
  readonly agent: string;
  /** Absent: all of the agent. */
  readonly alarm?: string;
  readonly nowMs: number;
  readonly speaker: Speaker;
}

/** Evidence by name, time and size, to be saved; asked of central each time it is opened. */
export function EvidenceDetails({ agent, alarm, nowMs, speaker }: EvidenceDetailsProps) {
  const [list, setList] = useState<EvidenceList | "asking" | null>("asking");
  const ask = async () => {
    setList("asking");
    setList(await fetchEvidence({ agent, ...(alarm === undefined ? {} : { alarm }) }));
  };
  const onToggle = ({ currentTarget }: { readonly currentTarget: HTMLDetailsElement }) => {
    if (currentTarget.open) void ask();
  };
  return (
    <details class="evidence" data-testid={`evidence-${alarm ?? agent}`} onToggle={onToggle}>
      <summary>{speaker.text("evidence.title")}</summary>
      {list === "asking" || list === null || list.items.length === 0 ? (
        <p role="status">
          {speaker.text(
            list === "asking" ? "evidence.asking" : list === null ? "evidence.unreachable" : "evidence.none",
          )}
        </p>
      ) : (
        <ul>
          {list.items.map((item) => (
            <li key={item.id}>
              <EvidenceName item={item} speaker={speaker} /> <span>{timeText(item, nowMs, speaker)}</span>{" "}
              <span>{speaker.bytes(item.bytes)}</span>
            </li>
          ))}
          {list.hasMore && <li>{speaker.text("evidence.more", { count: list.items.length })}</li>}
        </ul>
      )}
    </details>
  );
}

/** A link once all of it is here. */
function EvidenceName({ item, speaker }: { readonly item: EvidenceItem; readonly speaker: Speaker }) {
  if (item.state === "complete")
    return (
      <a href={`/api/v1/evidence/${encodeURIComponent(item.id)}`} download>
        {item.name}
      </a>
    );
  const { parts, partsHeld } = item;
  const state =
    item.state === "checking"
      ? speaker.text("evidence.checking")
      : speaker.text("evidence.incomplete", { held: partsHeld, parts });
  return (
    <>
      {item.name} <em class="tag">{state}</em>
    </>
  );
}

function timeText({ startMs, endMs }: EvidenceItem, nowMs: number, speaker: Speaker): string {
  const start = speaker.moment(startMs, nowMs);
  return endMs <= startMs ? start : `${start}–${speaker.moment(endMs, nowMs)}`;
}
