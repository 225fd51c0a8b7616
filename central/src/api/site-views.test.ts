// What a site's alarms are: its agents', and those of central's rules that are about it.
import { expect, test } from "vitest";
import type { AgentView } from "../agents/agent-view.ts";
import type { AlarmView } from "../alarms/alarm-view.ts";
import { siteViews } from "./site-views.ts";

const AGENT: AgentView = {
  agent: "alpha-1",
  site: "alpha",
  state: "connected",
  lastSeenMs: 1,
  watermarkMs: 1,
  isIdle: false,
  clockOffsetMs: 0,
  pending: [],
  status: {},
};
const ALARM: AlarmView = {
  id: "1",
  step: 1,
  rule: "r",
  metric: "m",
  labels: { site: "alpha" },
  severity: 500,
  isActive: true,
  isLatched: false,
  isHistorical: false,
  activeAtMs: 1,
  clearedAtMs: null,
  timeMs: 1,
  value: 1,
  limit: 1,
  action: "none",
  command: null,
  message: "",
  agent: "alpha-1",
  site: "alpha",
  receivedAtMs: 1,
};

test("alarms of central's own rules count at the site that they are about", () => {
  const own = { ...ALARM, id: "2", agent: "", site: "" };
  const alarms = [
    ALARM,
    own,
    { ...own, id: "3", labels: {} },
    { ...own, id: "4", labels: { site: "beta" } },
    { ...own, id: "5", isActive: false },
  ];
  expect(siteViews([AGENT], alarms)).toMatchObject([{ site: "alpha", activeAlarms: 2 }]);
});
