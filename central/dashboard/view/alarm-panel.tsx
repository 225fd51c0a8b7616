import { useState } from "preact/hooks";
import type { AlarmView } from "../feed/live-frames.ts";
import { commandName } from "../model/command-name.ts";
import { alarmKey } from "../model/live-state.ts";
import { severityLevel } from "../model/severity-level.ts";
import type { Speaker } from "../text/speaker.ts";
import { systemAlarmText } from "../text/system-alarm.ts";
import { AlarmWindow } from "./alarm-window.tsx";
import { EvidenceDetails } from "./evidence-details.tsx";
import { LabelList } from "./label-list.tsx";
import type { PanelProps } from "./page.tsx";
import { ShowMore } from "./show-more.tsx";
import { RecordEvidence } from "./record-evidence.tsx";
import { ResetControl } from "./reset-control.tsx";
import { SeveritySign } from "./severity-sign.tsx";

const CLEARED_SHOWN = 3;
const HISTORICAL_SHOWN = 3;
const ACTIVE_SHOWN = 30;
const EXPANDED_SHOWN = 200;

export function AlarmPanel({ page, speaker }: PanelProps) {
  const [isExpanded, setExpanded] = useState(false);
  const active = page.activeAlarms.value;
  const historical = page.historicalAlarms.value;
  const cleared = page.alarms.value.filter((alarm) => !alarm.isActive);
  const activeShown = active.slice(0, isExpanded ? EXPANDED_SHOWN : ACTIVE_SHOWN);
  const clearedShown = cleared.slice(0, isExpanded ? EXPANDED_SHOWN : CLEARED_SHOWN);
  const historicalShown = historical.slice(0, isExpanded ? EXPANDED_SHOWN : HISTORICAL_SHOWN);
  const shown = [...activeShown, ...historicalShown, ...clearedShown];
  const hiddenCount = active.length + historical.length + cleared.length - shown.length;
  return (
    <section class="panel alarms" id="alarms" tabIndex={-1} aria-labelledby="alarms-title">
      <header>
        <h2 id="alarms-title">{speaker.text("alarms.title")}</h2>
        {active.length > 0 && (
          <p class="note">{speaker.text("alarms.activeCount", { count: active.length })}</p>
        )}
        {historical.length > 0 && (
          <p class="note" title={speaker.text("alarms.historicalHint")}>
            {speaker.text("alarms.historicalCount", { count: historical.length })}
          </p>
        )}
        {(hiddenCount > 0 || isExpanded) && (
          <ShowMore
            isExpanded={isExpanded}
            moreCount={hiddenCount}
            onToggle={() => setExpanded(!isExpanded)}
            speaker={speaker}
          />
        )}
      </header>
      {active.length === 0 && (
        <p class="empty" data-testid="alarms-none">
          <b>{speaker.text("alarms.none")}</b>
          {historical.length + cleared.length === 0 && <span> {speaker.text("alarms.noneYet")}</span>}
        </p>
      )}
      <ul>
        {shown.map((alarm) => (
          <AlarmRow key={alarmKey(alarm)} alarm={alarm} page={page} speaker={speaker} />
        ))}
      </ul>
    </section>
  );
}

function AlarmRow({ alarm, page, speaker }: PanelProps & { readonly alarm: AlarmView }) {
  const metricUnit = page.pipeline.value.metrics.find((metric) => metric.name === alarm.metric)?.unit ?? "";
  const unit = alarm.unit ?? metricUnit;
  const nowMs = page.nowMs.value;
  const isActiveNow = alarm.isActive && !alarm.isHistorical;
  // Central's own alarms have none.
  const hasEvidence =
    alarm.metric !== "" &&
    page.agents.value.some(({ agent, evidence }) => agent === alarm.agent && evidence !== undefined);
  return (
    <li
      class={`alarm is-${severityLevel(alarm.severity)} ${isActiveNow ? "is-active" : "is-cleared"} ${alarm.clearedAtMs === null ? "" : "is-over"}`}
      data-testid={`alarm-${alarm.id}`}
      data-active={isActiveNow}
    >
      <SeveritySign severity={alarm.severity} speaker={speaker} isOver={!isActiveNow} />
      <div class="what">
        <b title={alarm.message}>{alarm.rule}</b>
        {alarm.isLatched && alarm.isActive && (
          <em class="tag" title={speaker.text("alarms.latchedHint")}>
            {speaker.text("alarms.latched")}
          </em>
        )}
        {alarm.isSuppressed === true && (
          <em class="tag" title={speaker.text("alarms.suppressedHint")}>
            {speaker.text("alarms.suppressed")}
          </em>
        )}
        {alarm.endReason === "withdrawn" && (
          <em class="tag" title={speaker.text("alarms.withdrawnHint")}>
            {speaker.text("alarms.withdrawn")}
          </em>
        )}
        {alarm.by !== undefined && <em class="tag">{speaker.text("alarms.by", { by: alarm.by })}</em>}
        {alarm.isHistorical && (
          <em class="tag" title={speaker.text("alarms.historicalHint")}>
            {speaker.text("alarms.historical")}
          </em>
        )}
        <LabelList labels={alarm.labels} />
      </div>
      {/* What central says of an agent measures nothing. */}
      {alarm.metric === "" ? (
        <Message alarm={alarm} speaker={speaker} />
      ) : (
        <div class="measure">
          <b>
            {speaker.value(alarm.value)} <small>{unit}</small>
          </b>
          <LimitBar value={alarm.value} limit={alarm.limit} isOver={alarm.clearedAtMs !== null} />
          <span>{speaker.text("alarms.limit", { limit: `${speaker.exact(alarm.limit)} ${unit}` })}</span>
        </div>
      )}
      <div class="since">
        {alarm.clearedAtMs === null ? (
          <>
            <b>
              {alarm.isHistorical
                ? speaker.text("alarms.historicalOpen")
                : speaker.text("alarms.activeFor", { age: speaker.age(nowMs - alarm.activeAtMs) })}
            </b>
            <span>{speaker.text("alarms.since", { time: speaker.moment(alarm.activeAtMs, nowMs) })}</span>
          </>
        ) : (
          <>
            <b>{speaker.text("alarms.lasted", { age: speaker.age(alarm.clearedAtMs - alarm.activeAtMs) })}</b>
            <span>
              {speaker.text(alarm.isActive ? "alarms.clearedLatched" : "alarms.cleared", {
                time: speaker.moment(alarm.clearedAtMs, nowMs),
              })}
            </span>
          </>
        )}
        {alarm.isActive && alarm.isLatched && alarm.clearedAtMs !== null && page.isControlAllowed.value && (
          <ResetControl alarm={alarm} speaker={speaker} />
        )}
      </div>
      <ActionCell alarm={alarm} speaker={speaker} />
      <AlarmWindow
        alarm={alarm}
        isOfRecords={page.recordMetrics.value.has(alarm.metric)}
        nowMs={nowMs}
        speaker={speaker}
      />
      <RecordEvidence alarm={alarm} unit={metricUnit} nowMs={nowMs} speaker={speaker} />
      {hasEvidence && (
        <EvidenceDetails agent={alarm.agent} alarm={alarm.id} nowMs={nowMs} speaker={speaker} />
      )}
    </li>
  );
}

function Message({ alarm, speaker }: { readonly alarm: AlarmView; readonly speaker: Speaker }) {
  const text = systemAlarmText(alarm, speaker);
  return (
    <p class="message" lang={text === null ? "en" : undefined}>
      {text ?? alarm.message}
    </p>
  );
}

interface LimitBarProps {
  readonly value: number;
  readonly limit: number;
  /** Back to normal: nothing is beyond the limit. */
  readonly isOver: boolean;
}

/** Where the value stands against its limit; only where both can stand on one scale from zero. */
function LimitBar({ value, limit, isOver }: LimitBarProps) {
  if (!(value >= 0 && limit > 0)) return null;
  const full = Math.max(value, limit) * 1.1;
  const valueAt = (100 * value) / full;
  const limitAt = (100 * limit) / full;
  const withinTo = isOver ? valueAt : Math.min(valueAt, limitAt);
  return (
    <svg class="limit-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" x="0" y="3" width="100" height="4" />
      <rect class="within" x="0" y="3" width={withinTo} height="4" />
      {!isOver && <rect class="beyond" x={withinTo} y="3" width={Math.abs(valueAt - limitAt)} height="4" />}
      <rect class="limit" x={limitAt - 0.5} y="0" width="1" height="10" />
    </svg>
  );
}

const ACTION_SHAPES: Readonly<Record<AlarmView["action"], string>> = {
  none: "M3 8h10",
  dry_run: "M3 8h2M7 8h2M11 8h2",
  commanded: "M2 8h10M8 4l4 4l-4 4",
  retrying: "M13 8a5 5 0 1 1-1.5-3.5M12 1v4H8",
  confirmed: "M2.5 8.5l3.5 3.5l7.5-8",
  unconfirmed: "M3 3l10 10M13 3L3 13",
};

function ActionCell({ alarm, speaker }: { readonly alarm: AlarmView; readonly speaker: Speaker }) {
  return (
    <div class={`action is-${alarm.action}`} data-action={alarm.action}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={ACTION_SHAPES[alarm.action]} />
      </svg>
      <p>
        <b>
          {speaker
            .text(`command.${alarm.action}`, {
              payload: commandName(alarm.command?.payload ?? ""),
              attempt: alarm.command?.attempt ?? 0,
            })
            .trim()}
        </b>
        <span>{actionDetail(alarm, speaker)}</span>
      </p>
    </div>
  );
}

function actionDetail({ command, action }: AlarmView, speaker: Speaker): string {
  if (command === null || action === "dry_run" || action === "none") return "";
  const commandedIn = speaker.text("command.commandedIn", { latency: speaker.latency(command.latencyMs) });
  if (action !== "confirmed" || command.confirmedAtMs === null) return commandedIn;
  const age = speaker.latency(command.confirmedAtMs - command.commandedAtMs);
  return [speaker.text("command.confirmedAfter", { age }), commandedIn].join(
    speaker.text("command.listSeparator"),
  );
}
