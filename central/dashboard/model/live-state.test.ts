// The reducer: snapshots and deltas become one bounded, ordered state; old news never replaces new.
import type { WindowResult } from "@millrace/stream";
import { describe, expect, test } from "vitest";
import type { AgentView, AlarmView, Delta, Snapshot } from "../feed/live-frames.ts";
import { parseDelta } from "../feed/parse-frame.ts";
import { alarmTransitions } from "./alarm-transitions.ts";
import { ALARMS_MAX, applyDelta, stateFromSnapshot, WINDOWS_MAX } from "./live-state.ts";
import type { LiveState } from "./live-state.ts";
import { siteSummary } from "./site-summary.ts";

const WINDOW = { name: "temperature_5s", metric: "temperature", sizeMs: 5_000, slideMs: 5_000, by: ["site"] };

function snapshot(parts: Partial<Snapshot> = {}): Snapshot {
  return {
    seq: 7,
    serverTimeMs: 1_000_000,
    isControlAllowed: true,
    pipeline: { metrics: [{ name: "temperature", unit: "°C", isLive: true }], windows: [WINDOW] },
    agents: [],
    alarms: [],
    windows: [],
    ledger: { received: 0, merged: 0, tooLate: 0 },
    ...parts,
  };
}

function after(state: LiveState, parts: Partial<Delta>): LiveState {
  const next = applyDelta(state, { seq: state.seq + 1, serverTimeMs: state.serverTimeMs + 500, ...parts });
  if (next === null) throw new Error("cannot apply delta: it does not follow");
  return next;
}

function agent(name: string, parts: Partial<AgentView> = {}): AgentView {
  return {
    agent: name,
    site: name.split("-")[0] ?? name,
    state: "connected",
    lastSeenMs: 999_000,
    watermarkMs: 998_000,
    isIdle: false,
    clockOffsetMs: 0,
    pending: [],
    status: {},
    ...parts,
  };
}

function alarm(id: string, parts: Partial<AlarmView> = {}): AlarmView {
  return {
    id,
    step: 1,
    rule: "overheating",
    metric: "temperature",
    labels: { site: "alpha" },
    severity: 500,
    isActive: true,
    isLatched: false,
    isHistorical: false,
    activeAtMs: 990_000,
    clearedAtMs: null,
    timeMs: 990_000,
    value: 81,
    limit: 80,
    action: "none",
    command: null,
    message: "",
    agent: "alpha-1",
    site: "alpha",
    receivedAtMs: 990_100,
    ...parts,
  };
}

function result(startMs: number, parts: Partial<WindowResult> = {}): WindowResult {
  return {
    window: "temperature_5s",
    metric: "temperature",
    group: { site: "alpha" },
    startMs,
    endMs: startMs + 5_000,
    revision: 1,
    state: "provisional",
    values: { count: 5, mean: 20 },
    beside: { uncertain: 0, bad: 0, undeduplicated: 0 },
    completeness: {
      agentsExpected: 1,
      agentsReporting: 0,
      agentsMissing: ["alpha-1"],
      sitesExpected: 1,
      sitesReporting: 0,
      sitesMissing: ["alpha"],
    },
    updatedAtMs: startMs + 5_000,
    ...parts,
  };
}

test("a delta that does not follow is refused", () => {
  const state = stateFromSnapshot(snapshot());
  expect(applyDelta(state, { seq: 8, serverTimeMs: 1 })?.seq).toBe(8);
  expect(applyDelta(state, { seq: 9, serverTimeMs: 1 })).toBeNull();
  expect(applyDelta(state, { seq: 7, serverTimeMs: 1 })).toBeNull();
});

test("what a delta does not change keeps its identity, so that its panel does not render", () => {
  const state = stateFromSnapshot(
    snapshot({ agents: [agent("alpha-1")], alarms: [alarm("a")], windows: [result(0)] }),
  );
  const next = after(state, { ledger: { received: 5, merged: 5, tooLate: 0 } });
  expect(next.agents).toBe(state.agents);
  expect(next.alarms).toBe(state.alarms);
  expect(next.windows).toBe(state.windows);
  expect(next.ledger.received).toBe(5);
});

test("agents are replaced by name and ordered by site", () => {
  const state = stateFromSnapshot(snapshot({ agents: [agent("beta-1"), agent("alpha-1")] }));
  const next = after(state, { agents: [agent("beta-1", { state: "silent" })] });
  expect(next.agents.map(({ agent: name, state: is }) => `${name} ${is}`)).toEqual([
    "alpha-1 connected",
    "beta-1 silent",
  ]);
});

test("sites: one connected agent makes its site reporting; retired agents are not expected", () => {
  const agents = [
    agent("alpha-1"),
    agent("alpha-2", { state: "silent" }),
    agent("beta-1", { state: "never_seen" }),
    agent("gamma-1", { state: "retired" }),
  ];
  expect(siteSummary(agents)).toEqual({
    sitesExpected: 2,
    sitesReporting: 1,
    agentsExpected: 3,
    agentsReporting: 1,
  });
});

describe("alarms", () => {
  test("active first, historical ones after those of now, then the gravest, then the newest; an older step changes nothing", () => {
    const state = stateFromSnapshot(
      snapshot({
        alarms: [
          alarm("cleared", { isActive: false, clearedAtMs: 995_000, severity: 900 }),
          alarm("old", { severity: 900, isHistorical: true }),
          alarm("low", { severity: 100 }),
          alarm("grave", { severity: 900, step: 3, action: "confirmed" }),
          alarm("newer", { severity: 100, activeAtMs: 991_000 }),
        ],
      }),
    );
    expect(state.alarms.map(({ id }) => id)).toEqual(["grave", "newer", "low", "old", "cleared"]);
    const next = after(state, { alarms: [alarm("grave", { severity: 900, step: 2, action: "commanded" })] });
    expect(next.alarms[0]?.action).toBe("confirmed");
  });

  test("the same id on two agents is two alarms", () => {
    const state = stateFromSnapshot(
      snapshot({ alarms: [alarm("a"), alarm("a", { agent: "beta-1", site: "beta" })] }),
    );
    expect(state.alarms).toHaveLength(2);
  });

  test("are bounded, and active ones are the last to go", () => {
    const cleared = Array.from({ length: ALARMS_MAX + 50 }, (_, at) =>
      alarm(`c${at}`, { isActive: false, clearedAtMs: at }),
    );
    const state = after(stateFromSnapshot(snapshot({ alarms: cleared })), { alarms: [alarm("active")] });
    expect(state.alarms).toHaveLength(ALARMS_MAX);
    expect(state.alarms[0]?.id).toBe("active");
  });

  test("only activation, clearing and a missing confirmation are spoken", () => {
    const first = stateFromSnapshot(snapshot({ alarms: [alarm("a")] }));
    const confirmed = after(first, { alarms: [alarm("a", { step: 2, action: "confirmed" }), alarm("b")] });
    expect(
      alarmTransitions(first.alarms, confirmed.alarms).map(({ kind, alarm: { id } }) => `${id} ${kind}`),
    ).toEqual(["b activated"]);
    const ended = after(confirmed, {
      alarms: [
        alarm("a", { step: 3, isActive: false, clearedAtMs: 1 }),
        alarm("b", { step: 2, action: "unconfirmed" }),
      ],
    });
    expect(
      alarmTransitions(confirmed.alarms, ended.alarms)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(["cleared", "unconfirmed"]);
    expect(alarmTransitions(ended.alarms, ended.alarms)).toEqual([]);
  });
});

describe("windows", () => {
  test("a greater revision replaces, a smaller one does not; newest first, then by group", () => {
    const state = stateFromSnapshot(
      snapshot({
        windows: [result(0, { revision: 3 }), result(5_000), result(5_000, { group: { site: "Zeta" } })],
      }),
    );
    const next = after(state, {
      windows: [
        result(0, { revision: 2, state: "final" }),
        result(5_000, { revision: 2, state: "complete" }),
      ],
    });
    expect(
      next.windows
        .get("temperature_5s")
        ?.map((held) => `${held.startMs} ${held.group["site"]} ${held.revision} ${held.state}`),
    ).toEqual(["5000 Zeta 1 provisional", "5000 alpha 2 complete", "0 alpha 3 provisional"]);
  });

  test("what central left out is counted until the next snapshot", () => {
    const told = parseDelta(JSON.stringify({ seq: 8, serverTimeMs: 1, truncated: 7 }));
    const state = after(after(stateFromSnapshot(snapshot()), told ?? {}), {});
    expect(state.truncatedCount).toBe(7);
    expect(after(state, { seq: 10, truncated: 2 }).truncatedCount).toBe(9);
    expect(stateFromSnapshot(snapshot()).truncatedCount).toBe(0);
  });

  test("are bounded per window, and windows that the pipeline does not name are not kept", () => {
    const many = Array.from({ length: WINDOWS_MAX + 10 }, (_, at) => result(at * 5_000));
    const state = after(stateFromSnapshot(snapshot()), {
      windows: [...many, result(0, { window: "unknown" })],
    });
    expect([...state.windows.keys()]).toEqual(["temperature_5s"]);
    expect(state.windows.get("temperature_5s")).toHaveLength(WINDOWS_MAX);
    expect(state.windows.get("temperature_5s")?.[0]?.startMs).toBe((WINDOWS_MAX + 9) * 5_000);
  });
});
