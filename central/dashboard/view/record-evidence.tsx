import type { AlarmView } from "../feed/live-frames.ts";
import type { Speaker } from "../text/speaker.ts";

interface RecordEvidenceProps {
  readonly alarm: AlarmView;
  /** Of the values. */
  readonly unit: string;
  readonly nowMs: number;
  readonly speaker: Speaker;
}

/** The records that have raised an alarm of central's: what was counted, when, the value and the record's id. */
export function RecordEvidence({ alarm: { id, evidence = [] }, unit, nowMs, speaker }: RecordEvidenceProps) {
  if (evidence.length === 0) return null;
  return (
    <details class="evidence" data-testid={`records-${id}`}>
      <summary>{speaker.text("alarms.records", { count: evidence.length })}</summary>
      <ul>
        {evidence.map((record) => (
          <li key={record.id}>
            <b>{Object.values(record.labels).join(" ")}</b>{" "}
            <span>{speaker.moment(record.timeMs, nowMs)}</span>{" "}
            <span>
              {speaker.exact(record.value)} {unit}
            </span>{" "}
            <span>{record.id}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
