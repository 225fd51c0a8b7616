import type { ConnectionState } from "../live-page.ts";
import { logOut } from "../feed/session.ts";
import type { Speaker } from "../text/speaker.ts";
import { recordSums } from "../model/record-sums.ts";
import { severityLevel } from "../model/severity-level.ts";
import { isHelpOpen } from "./page-keys.ts";
import type { PageProps, PanelProps } from "./page.tsx";
import { SeveritySign } from "./severity-sign.tsx";
import { nextTheme, theme } from "./theme.ts";

export function PageHeader({ page, speaker, user, onOut }: PageProps) {
  return (
    <header class="top">
      <h1 class="brand">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M2 8.5q5-4.5 10 0t10 0M2 15.5q5-4.5 10 0t10 0" />
        </svg>
        {speaker.text("page.title")}
      </h1>
      <ConnectionPill page={page} speaker={speaker} />
      <Totals page={page} speaker={speaker} />
      <div class="controls">
        <button
          type="button"
          class={page.isPaused.value ? "is-on" : ""}
          aria-pressed={page.isPaused.value}
          aria-keyshortcuts="Space"
          onClick={() => page.togglePause()}
          data-testid="pause"
        >
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d={page.isPaused.value ? "M4 2.5v11l9-5.5z" : "M4 3h3v10H4zM9 3h3v10H9z"} />
          </svg>
          <span>{speaker.text(page.isPaused.value ? "action.resume" : "action.pause")}</span>
        </button>
        <ThemeButton speaker={speaker} />
        <a
          class="button"
          href={languageLink()}
          lang={speaker.language === "en" ? "zh-CN" : "en"}
          title={speaker.text("page.languageHint")}
        >
          {speaker.text("page.language")}
        </a>
        {user !== null && (
          <button
            type="button"
            title={speaker.text("login.as", { user })}
            onClick={() => void logOut().then(onOut)}
            data-testid="logout"
          >
            {speaker.text("login.out")}
          </button>
        )}
        <button
          type="button"
          class="icon"
          title={speaker.text("action.help")}
          aria-label={speaker.text("action.help")}
          aria-keyshortcuts="?"
          onClick={() => {
            isHelpOpen.value = true;
          }}
        >
          ?
        </button>
      </div>
    </header>
  );

  function languageLink(): string {
    const query = new URLSearchParams(location.search);
    query.set("lang", speaker.language === "en" ? "zh-CN" : "en");
    return `?${query.toString()}`;
  }
}

function ThemeButton({ speaker }: { readonly speaker: Speaker }) {
  const label = speaker.text("action.theme", { theme: speaker.text(`theme.${theme.value}`) });
  return (
    <button
      type="button"
      class="icon"
      title={label}
      aria-label={label}
      aria-keyshortcuts="t"
      onClick={nextTheme}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.5" />
        {theme.value !== "light" && (
          <path
            d={
              theme.value === "dark"
                ? "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11"
                : "M8 2.5a5.5 5.5 0 0 1 0 11z"
            }
          />
        )}
      </svg>
    </button>
  );
}

/** Word, shape and age: never colour alone. */
function ConnectionPill({ page, speaker }: PanelProps) {
  const state = page.connection.value;
  const isPaused = page.isPaused.value;
  return (
    <p
      class={`pill is-${state} ${isPaused ? "is-paused" : ""}`}
      title={speaker.text("connection.hint")}
      data-testid="connection"
      data-state={isPaused ? "paused" : state}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={isPaused ? "M4 3h3v10H4zM9 3h3v10H9z" : CONNECTION_SHAPES[state]} />
      </svg>
      <b>{speaker.text(isPaused && state === "live" ? "connection.paused" : `connection.${state}`)}</b>
      {page.hasData.value && (
        <span>{speaker.text("connection.age", { age: speaker.age(page.dataAgeMs.value) })}</span>
      )}
    </p>
  );
}

const CONNECTION_SHAPES: Readonly<Record<ConnectionState, string>> = {
  live: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11",
  lagging: "M8 1.5L15 14H1z",
  reconnecting: "M8 1.5L14.5 8L8 14.5L1.5 8z",
  connecting: "M8 2.5a5.5 5.5 0 1 0 0 11v-2a3.5 3.5 0 1 1 0-7z",
};

function Totals({ page, speaker }: PanelProps) {
  const sites = page.sites.value;
  const active = page.activeAlarms.value;
  const gravest = active[0];
  const ledger = page.ledger.value;
  const records = recordSums(page.streams.value);
  return (
    <dl class="totals">
      {page.hasAgents.value && (
        <div
          class={sites.sitesReporting < sites.sitesExpected ? "is-short" : ""}
          data-testid="sites-reporting"
        >
          <dt>{speaker.text("total.sites")}</dt>
          <dd>
            <b>{speaker.count(sites.sitesReporting)}</b>{" "}
            <span>{speaker.text("total.ofExpected", { count: sites.sitesExpected })}</span>
          </dd>
          <dd class="detail">
            {speaker.text("total.agents", {
              reporting: sites.agentsReporting,
              expected: sites.agentsExpected,
            })}
          </dd>
        </div>
      )}
      <div data-testid="active-alarms">
        <dt>{speaker.text("total.alarms")}</dt>
        <dd>
          {gravest !== undefined && <SeveritySign severity={gravest.severity} speaker={speaker} />}
          <b>{speaker.count(active.length)}</b>
        </dd>
        <dd class="detail">
          {gravest === undefined
            ? speaker.text("total.alarmsNone")
            : speaker.text(`severity.${severityLevel(gravest.severity)}`)}
        </dd>
      </div>
      {page.hasStreams.value && (
        <div data-testid="records-received">
          <dt>{speaker.text("total.records")}</dt>
          <dd>
            <b>{speaker.count(records.received)}</b>
          </dd>
          <dd class="detail">{speaker.text("total.ofRecords", { rejected: records.rejected })}</dd>
        </div>
      )}
      {page.hasAgents.value && (
        <>
          <div data-testid="ledger-received">
            <dt>{speaker.text("total.received")}</dt>
            <dd>
              <b>{speaker.count(ledger.received)}</b>
            </dd>
            <dd class="detail">{speaker.text("total.tooLate", { count: ledger.tooLate })}</dd>
          </div>
          <div data-testid="ledger-merged">
            <dt>{speaker.text("total.merged")}</dt>
            <dd>
              <b>{speaker.count(ledger.merged)}</b>
            </dd>
            <dd class="detail">
              {ledger.received > 0
                ? `${speaker.decimal(percentDown(ledger.merged, ledger.received), 2)} %`
                : "–"}
            </dd>
          </div>
        </>
      )}
    </dl>
  );
}

/** Rounded down: a ledger with a loss must not read 100 %. */
function percentDown(part: number, whole: number): number {
  return Math.floor((10_000 * part) / whole) / 100;
}
