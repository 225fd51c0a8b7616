import { useState } from "preact/hooks";
import type { WindowResult, WindowState } from "@millrace/stream";
import { labelsKey } from "@millrace/stream";
import { attendance } from "../model/attendance.ts";
import { resultKey } from "../model/live-state.ts";
import { windowColumns } from "../model/window-columns.ts";
import type { WindowColumns } from "../model/window-columns.ts";
import type { TextKey } from "../text/dictionary.ts";
import { measureNumber } from "../text/measure-text.ts";
import { nameList } from "../text/name-list.ts";
import type { Speaker } from "../text/speaker.ts";
import { LabelList } from "./label-list.tsx";
import { OtherValues } from "./other-values.tsx";
import type { PanelProps } from "./page.tsx";
import { ShowMore } from "./show-more.tsx";

const ROWS_SHOWN = 12;
const ROWS_EXPANDED = 120;
/** One mark per agent up to here, a plain bar beyond. */
const AGENT_MARKS_MAX = 16;

/** Columns in which the unit is said; it is that of their neighbours too. */
const WITH_UNIT: ReadonlySet<string> = new Set(["sum", "mean"]);

/** The newest windows: one row per window and group, or the history of one window. */
export function WindowPanel({ page, speaker }: PanelProps) {
  const [chosen, choose] = useState<string | null>(null);
  const [isExpanded, setExpanded] = useState(false);
  const windows = page.windows.value;
  const nowMs = page.nowMs.value;
  const truncatedCount = page.truncatedCount.value;
  const rows =
    chosen === null
      ? [...windows.values()].flatMap((results) => latestPerGroup(results, nowMs))
      : (windows.get(chosen) ?? []);
  const shown = rows.slice(0, isExpanded ? ROWS_EXPANDED : ROWS_SHOWN);
  const columns = windowColumns(shown);
  const tabs = [null, ...windows.keys()];
  return (
    <section class="panel windows" id="windows" tabIndex={-1} aria-labelledby="windows-title">
      <header>
        <h2 id="windows-title">{speaker.text("windows.title")}</h2>
        <div class="tabs" role="group" aria-labelledby="windows-title">
          {tabs.map((name) => (
            <button
              key={name ?? ""}
              type="button"
              aria-pressed={chosen === name}
              onClick={() => choose(name)}
            >
              {name ?? speaker.text("windows.latest")}
            </button>
          ))}
        </div>
      </header>
      {truncatedCount > 0 && (
        <p class="detail">{speaker.text("windows.truncated", { count: truncatedCount })}</p>
      )}
      {rows.length === 0 ? (
        <p class="empty">
          <b>{speaker.text("windows.none")}</b> <span>{speaker.text("windows.noneDetail")}</span>
        </p>
      ) : (
        <table role="table">
          <thead role="rowgroup">
            <tr role="row">
              <th role="columnheader">{speaker.text("windows.window")}</th>
              <th role="columnheader">{speaker.text("windows.group")}</th>
              <th role="columnheader">{speaker.text("windows.start")}</th>
              {columns.measures.map((measure) => (
                <th key={measure} role="columnheader" class="number">
                  {speaker.text(`windows.${measure}`)}
                </th>
              ))}
              {columns.hasOthers && <th role="columnheader">{speaker.text("windows.others")}</th>}
              <th role="columnheader">{speaker.text("windows.state")}</th>
              <th role="columnheader">{speaker.text("windows.completeness")}</th>
              <th role="columnheader" class="number">
                {speaker.text("windows.revision")}
              </th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {shown.map((result) => (
              <WindowRow
                key={resultKey(result)}
                result={result}
                columns={columns}
                page={page}
                speaker={speaker}
              />
            ))}
          </tbody>
        </table>
      )}
      {(rows.length > shown.length || isExpanded) && (
        <ShowMore
          isExpanded={isExpanded}
          moreCount={Math.min(rows.length, ROWS_EXPANDED) - shown.length}
          onToggle={() => setExpanded(!isExpanded)}
          speaker={speaker}
        />
      )}
    </section>
  );
}

/** Of each group the newest window that has ended, or its open one while there is no other. `results`: newest first. */
function latestPerGroup(results: readonly WindowResult[], nowMs: number): WindowResult[] {
  const latest = new Map<string, WindowResult>();
  for (const result of results) {
    const key = labelsKey(result.group);
    const held = latest.get(key);
    if (held === undefined || held.endMs > nowMs) latest.set(key, result);
  }
  return [...latest.values()];
}

interface WindowRowProps extends PanelProps {
  readonly result: WindowResult;
  readonly columns: WindowColumns;
}

function WindowRow({ result, columns, page, speaker }: WindowRowProps) {
  const { values, beside } = result;
  const unit = page.pipeline.value.metrics.find((metric) => metric.name === result.metric)?.unit ?? "";
  const besideCount = beside.uncertain + beside.bad + beside.undeduplicated;
  return (
    <tr
      role="row"
      class={`is-${result.state}`}
      data-testid="window-row"
      data-window={result.window}
      data-state={result.state}
    >
      <td role="cell" class="name">
        {result.window}
      </td>
      <td role="cell" class="group">
        {Object.keys(result.group).length === 0 ? (
          speaker.text("windows.all")
        ) : (
          <LabelList labels={result.group} />
        )}
      </td>
      <td role="cell" class="start">
        {speaker.begin(result.startMs, { lastsMs: result.endMs - result.startMs, nowMs: page.nowMs.value })}{" "}
        <small>{speaker.duration(result.endMs - result.startMs)}</small>
      </td>
      {columns.measures.map((measure) => (
        <td
          key={measure}
          role="cell"
          class={`number ${values[measure] === undefined ? "is-absent" : ""}`}
          data-label={speaker.text(`windows.${measure}`)}
        >
          {measure === "count" && besideCount > 0 && (
            <small class="beside" title={speaker.text("windows.besideHint", { ...beside })}>
              {speaker.text("windows.beside", { count: besideCount })}
            </small>
          )}
          {amount(values[measure], measure, speaker)}
          {WITH_UNIT.has(measure) && values[measure] !== undefined && unit !== "" && <small> {unit}</small>}
        </td>
      ))}
      {columns.hasOthers && <OtherValues result={result} unit={unit} speaker={speaker} />}
      <td role="cell" class="state" title={speaker.text(`windows.stateHint.${result.state}`)}>
        <StateSign state={result.state} /> {speaker.text(`windows.state.${result.state}`)}
      </td>
      <td role="cell" class="complete">
        <Completeness result={result} page={page} speaker={speaker} />
      </td>
      <td
        role="cell"
        class={`number revision ${result.revision > 1 ? "is-revised" : ""}`}
        title={speaker.text("windows.revisionHint", { revision: result.revision })}
        data-label={speaker.text("windows.revision")}
      >
        {speaker.count(result.revision)}
      </td>
    </tr>
  );
}

function amount(value: number | undefined, measure: string, speaker: Speaker): string {
  return value === undefined ? "–" : measureNumber(value, measure, speaker);
}

/** Hollow and dashed: open. Half: complete, may be revised. Solid square: final. */
function StateSign({ state }: { readonly state: WindowState }) {
  return (
    <svg class={`window-state is-${state}`} viewBox="0 0 16 16" aria-hidden="true">
      {state === "final" ? <rect x="3" y="3" width="10" height="10" /> : <circle cx="8" cy="8" r="5.5" />}
      {state === "complete" && <circle class="core" cx="8" cy="8" r="3" />}
    </svg>
  );
}

/**
 * The agents that have passed the window, and those that have not: named only where their absence is news. One that has
 * lost some of the window is news at once, and no longer waited for.
 */
function Completeness({ result, page, speaker }: PanelProps & { readonly result: WindowResult }) {
  const { agentsExpected, agentsReporting, agentsWithLoss = [], agentsCoarse = [] } = result.completeness;
  const nowMs = page.nowMs.value;
  const { awaitedCount, missing } = attendance(result, page.agents.value, nowMs);
  const isOpen = result.endMs > nowMs;
  const isOfRecords = page.recordMetrics.value.has(result.metric);
  const hasMarks = agentsExpected > 0 && agentsExpected <= AGENT_MARKS_MAX;
  return (
    <div class={`completeness ${missing.length + agentsWithLoss.length > 0 ? "is-short" : ""}`}>
      <svg viewBox="0 0 64 8" preserveAspectRatio="none" aria-hidden="true">
        {hasMarks ? (
          Array.from({ length: agentsExpected }, (_, at) => (
            <rect
              key={at}
              class={at < agentsReporting ? "present" : "absent"}
              x={(64 * at) / agentsExpected + 0.5}
              y="0.5"
              width={64 / agentsExpected - 1.5}
              height="7"
            />
          ))
        ) : (
          <>
            <rect class="absent" x="0.5" y="0.5" width="63" height="7" />
            <rect
              class="present"
              x="0.5"
              y="0.5"
              width={(63 * agentsReporting) / Math.max(1, agentsExpected)}
              height="7"
            />
          </>
        )}
      </svg>
      <span>
        {speaker.text(sourcesKey(isOpen && awaitedCount > 0, isOfRecords), {
          reporting: agentsReporting,
          expected: agentsExpected,
        })}
        {!isOpen && awaitedCount > 0 && <> — {speaker.text("windows.waitingFor", { count: awaitedCount })}</>}
        {missing.length > 0 && (
          <>
            {" — "}
            <b>{speaker.text("windows.missing", { names: nameList(missing, speaker) })}</b>
          </>
        )}
        {agentsWithLoss.length > 0 && (
          <>
            {" — "}
            <b title={speaker.text("windows.lostHint")}>
              {speaker.text("windows.lost", { names: nameList(agentsWithLoss, speaker) })}
            </b>
          </>
        )}
        {agentsCoarse.length > 0 && (
          <>
            {" — "}
            <b title={speaker.text("windows.coarseHint")}>
              {speaker.text("windows.coarse", { names: nameList(agentsCoarse, speaker) })}
            </b>
          </>
        )}
      </span>
    </div>
  );
}

/** A metric's data comes of agents, or of the partitions of a stream. */
function sourcesKey(isSoFar: boolean, isOfRecords: boolean): TextKey {
  if (isOfRecords) return isSoFar ? "windows.partitionsSoFar" : "windows.partitionsOf";
  return isSoFar ? "windows.soFar" : "windows.agentsOf";
}
