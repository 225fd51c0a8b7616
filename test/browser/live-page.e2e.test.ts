// A real browser before a real central with real agents: the page is live, shows silence, gaps and alarms as they are, and
// comes back by itself.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CentralHarness } from "../end-to-end/central-harness.ts";
import { machineMetric } from "../end-to-end/pipeline.ts";
import { RawMqtt } from "../end-to-end/raw-mqtt.ts";
import { SensorPublisher } from "../end-to-end/sensor-publisher.ts";
import { SiteHarness } from "../end-to-end/site-harness.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { DashboardPage, hasChromium, type TableCell } from "./dashboard-page.ts";

const agents = [
  { agent: "alpha-1", site: "alpha" },
  { agent: "beta-1", site: "beta" },
] as const;
const pipeline = {
  version: 1,
  metrics: { temperature: machineMetric("temperature", "°C") },
  windows: { temperature_1s: { metric: "temperature", size: "1s", by: ["site"] } },
  rules: {
    overheating: {
      metric: "temperature",
      when: { above: 900, clearBelow: 800 },
      severity: 900,
      action: {
        publish: "factory/{site}/{line}/{machine}/command",
        payload: "STOP",
        confirm: { topic: "factory/{site}/{line}/{machine}/state", equals: "stopped", within: "1m" },
        retry: 3,
        armed: true,
      },
    },
  },
};

/** Two sites whose sensors run, and the page. */
async function startPage() {
  const works = new Works();
  const pipelinePath = works.write("pipeline.yaml", pipeline);
  const central = await CentralHarness.prepare({ works, pipelinePath, agents });
  const sites = await Promise.all(
    agents.map((each) =>
      SiteHarness.prepare({ works, ...each, pipelinePath, uplinkPort: central.intakePort }),
    ),
  );
  await Promise.all([central.start(), ...sites.map((site) => site.start())]);
  for (const { agent } of agents) await central.connected(agent);
  const sensors = sites.map(
    ({ brokerUrl, site }) => new SensorPublisher({ works, brokerUrl, site, machines: ["m1", "m2"], seed: 7 }),
  );
  for (const each of sensors) each.start();
  const page = await DashboardPage.open(works, `http://127.0.0.1:${central.httpPort}/`);
  await until("the page is live", async () => (await page.connection()) === "live");
  const [alpha, beta] = sites;
  const [alphaSensors, betaSensors] = sensors;
  if (!alpha || !beta || !alphaSensors || !betaSensors) throw new Error("there are two sites");
  return { works, central, page, alpha, beta, alphaSensors, betaSensors };
}

const hasValue = (cell: TableCell): boolean => cell.value !== null;

/** Lengths of the holes between values, in rows. */
function holes(column: readonly TableCell[]): number[] {
  const first = column.findIndex(hasValue);
  const last = column.findLastIndex(hasValue);
  const lengths: number[] = [];
  for (let at = first, length = 0; at <= last; at++) {
    if (column[at]?.value === null) length += 1;
    else if (length > 0) {
      lengths.push(length);
      length = 0;
    }
  }
  return lengths;
}

function describeColumn(column: readonly TableCell[]): string {
  return column.map(({ time, value }) => `${time} ${value ?? "–"}`).join("; ");
}

test.skipIf(!hasChromium)(
  "values move, and a killed or hung agent is silent within seconds",
  { timeout: 360_000 },
  async () => {
    const { page, alpha, beta, betaSensors, central } = await startPage();
    await until("lines of both sites", async () => (await page.latest("temperature", "beta")).value !== "–");
    const before = { value: await page.latest("temperature", "alpha"), received: await page.received() };
    await until("values move", async () => {
      const value = await page.latest("temperature", "alpha");
      return value.value !== before.value.value && (await page.received()) > before.received;
    });
    expect(await page.sitesReporting()).toBe("2");
    const { configuration } = await alpha.status();
    expect(await page.agentFact("alpha-1", "pipeline")).toBe(configuration?.version);

    const word = { labels: { machine: "m1" }, durationMs: 3_600_000 };
    await alpha.post("/maintenance/on", word);
    await until("the maintenance is on the page", async () =>
      /in maintenance machine m1 since .+ until .+ by status page/.test(await page.maintenance("alpha-1")),
    );
    await alpha.post("/maintenance/off", { labels: word.labels });
    await until("it is over", async () => (await page.maintenance("alpha-1")) === "");

    // Hung first: its connection stays open.
    const pid = beta.process.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    const isSilent = async (): Promise<boolean> => (await page.agentState("beta-1")) === "silent";
    const hungMs = await page.timed("a hung agent is silent", isSilent);
    process.kill(pid, "SIGCONT");
    await until("it is connected again", async () => (await page.agentState("beta-1")) === "connected");

    await beta.process.kill();
    const killedMs = await page.timed("a killed agent is silent", isSilent);
    console.log(`silent on the page after ${hungMs} ms when hung, ${killedMs} ms when killed`);
    expect(await page.agentState("alpha-1")).toBe("connected");
    await until("the site is missed", async () => (await page.sitesReporting()) === "1");
    await until("its alarm", async () =>
      (await page.alarms()).some(({ text, isActive }) => isActive && text.includes("agent_silent")),
    );

    await beta.start();
    await until("it is connected again", async () => (await page.agentState("beta-1")) === "connected");
    await until("its alarm is over", async () => !(await page.alarms()).some(({ isActive }) => isActive));
    await Promise.all([betaSensors.stop(), central.connected("beta-1")]);
    expect(page.complaints).toEqual([]);
  },
);

test.skipIf(!hasChromium)(
  "a gap is a gap; a backlog fills what was measured, and only that",
  { timeout: 360_000 },
  async () => {
    const { works, page, beta, betaSensors } = await startPage();
    await page.showTable("temperature");
    const column = (line: string): Promise<TableCell[]> => page.column("temperature", line);
    await until("five windows of beta", async () => (await column("beta")).filter(hasValue).length >= 5);

    await beta.process.kill();
    // These readings wait in the sensors until their broker is there again.
    await pause(3_000);
    const stopped = betaSensors.stop(240_000);
    // And in this time beta has measured nothing.
    await pause(5_000);
    const silent = await until("no value in beta's last rows", async () => {
      const rows = await column("beta");
      return !rows.slice(-4).some(hasValue) && rows;
    });
    await until("alpha's last rows", async () => (await column("alpha")).slice(-6, -1).every(hasValue));
    await page.showChart("temperature");
    await until("the line says so", async () => {
      const { value, age } = await page.latest("temperature", "beta");
      return value.startsWith("–") && age.startsWith("no data for");
    });
    await page.screenshot(screenshotPath(works, "gap.png"));

    await beta.start();
    await stopped;
    betaSensors.start();
    await page.showTable("temperature");
    // One hole is left, of about the five seconds without a reading: before it the backlog's windows, after it new ones.
    await until("one hole in beta's line", async () => {
      const rows = await column("beta");
      const lengths = holes(rows);
      return lengths.length === 1 && rows.findLastIndex(hasValue) >= rows.length - 2;
    }).catch(async (error: unknown) => {
      throw new Error(describeColumn(await column("beta")), { cause: error });
    });
    const filled = await column("beta");
    expect(holes(filled)[0]).toBeGreaterThanOrEqual(3);
    const wasEmpty = new Set(silent.filter((cell) => !hasValue(cell)).map(({ time }) => time));
    const backlog = filled.filter((cell) => hasValue(cell) && wasEmpty.has(cell.time));
    expect(backlog.length, describeColumn(filled)).toBeGreaterThanOrEqual(2);
    console.log(`beta after its return: ${describeColumn(filled)}`);
    await page.showChart("temperature");
    await page.screenshot(screenshotPath(works, "filled.png"));
    expect(page.complaints).toEqual([]);
  },
);

test.skipIf(!hasChromium)(
  "an alarm and its confirmed stop; central goes and comes back; the alarm is reset",
  { timeout: 360_000 },
  async () => {
    const { works, central, page, alpha } = await startPage();
    const machine = await RawMqtt.connect({ port: alpha.brokerPort, clientId: "machine" });
    works.atEnd(() => machine.close());
    await machine.subscribe("factory/alpha/1/hot/command");
    const overheating = async () =>
      (await page.alarms()).find(({ text }) => text.startsWith("C overheating"));
    await machine.publish("factory/alpha/1/hot/temperature", JSON.stringify({ ts: Date.now(), value: 950 }));
    const shownMs = await page.timed(
      "the alarm is on the page",
      async () => (await overheating()) !== undefined,
    );
    await until("the command", () => machine.messages.length > 0);
    expect(["commanded", "retrying"]).toContain((await overheating())?.action);
    expect((await overheating())?.text).toMatch(
      /site alpha.*machine hot.*950\.0 °C.*limit 900 °C.*STOP sent/,
    );

    await machine.publish("factory/alpha/1/hot/state", "stopped");
    await until("the stop is confirmed", async () => (await overheating())?.action === "confirmed");
    expect((await overheating())?.text).toMatch(
      /STOP confirmed after [\d.]+ m?s, commanded in (< )?[\d.]+ ms/,
    );
    expect(page.complaints).toEqual([]);

    await central.process.kill();
    const lostMs = await page.timed(
      "the page says that it reconnects",
      async () => (await page.connection()) === "reconnecting",
    );
    await pause(2_000);
    const refused = page.complaints.splice(0).filter((text) => !isRefusal(text));
    expect(refused).toEqual([]);
    const received = await page.received();
    await central.start();
    const liveMs = await page.timed(
      "the page is live again",
      async () => (await page.connection()) === "live",
    );
    await until("values move again", async () => (await page.received()) > received);
    await until("agents are back", async () => (await page.sitesReporting()) === "2");
    expect((await overheating())?.action).toBe("confirmed");
    // What the agents measured while central was away is drawn: no hole.
    await page.showTable("temperature");
    await until("no hole in alpha's line", async () => {
      const rows = await page.column("temperature", "alpha");
      return rows.filter(hasValue).length >= 10 && holes(rows).length === 0;
    });
    console.log(
      `alarm on the page after ${shownMs} ms; reconnecting after ${lostMs} ms, live ${liveMs} ms after central's return`,
    );
    await machine.publish("factory/alpha/1/hot/temperature", JSON.stringify({ ts: Date.now(), value: 20 }));
    await page.resetAlarm();
    await until("the alarm is reset", async () => (await overheating())?.isActive === false);
    const late = page.complaints.filter((text) => !isRefusal(text));
    expect(late).toEqual([]);
    expect([...page.requestedOrigins]).toEqual([`http://127.0.0.1:${central.httpPort}`]);
  },
);

test.skipIf(!hasChromium)(
  "evidence is listed with its alarm and its agent, and saved as it was sent",
  { timeout: 300_000 },
  async () => {
    const works = new Works();
    const topic = "factory/{site}/{line}/{machine}/waveform/{at}";
    const evidence = { waveform: { topic, time: { capture: "at", unit: "ms" } } };
    const pipelinePath = works.write("pipeline.yaml", { ...pipeline, evidence });
    const [one] = agents;
    const central = await CentralHarness.prepare({ works, pipelinePath, agents: [one] });
    const config = { recorder: { bytesMax: "1MiB", before: "10s", after: "1s" } };
    const uplinkPort = central.intakePort;
    const site = await SiteHarness.prepare({ works, ...one, pipelinePath, uplinkPort, config });
    await Promise.all([central.start(), site.start()]);
    await central.connected(one.agent);
    const page = await DashboardPage.open(works, `http://127.0.0.1:${central.httpPort}/`);
    const machine = await RawMqtt.connect({ port: site.brokerPort, clientId: "machine" });
    works.atEnd(() => machine.close());
    const sent = "waveform ".repeat(30_000);
    await machine.publish(`factory/alpha/1/hot/waveform/${Date.now()}`, sent);
    await machine.publish("factory/alpha/1/hot/temperature", JSON.stringify({ ts: Date.now(), value: 950 }));
    const alarmId = await until("the alarm", async () => {
      const alarms = await central.alarms();
      return alarms.find(({ rule }) => rule === "overheating")?.id;
    });
    await until("two pieces", async () => (await page.agentFact(one.agent, "evidence")) === "2");
    await until("both of the agent", async () =>
      /waveform .+ 263\.7 KiB/.test(await page.evidence(one.agent)),
    );
    await until("the recording of the alarm", async () =>
      /^Evidence overheating .+–.+ [\d,.]+ K?i?B$/.test(await page.evidence(alarmId)),
    );
    expect(readFileSync(await page.saveEvidence(one.agent, "waveform"), "utf8")).toBe(sent);
    expect(page.complaints).toEqual([]);
  },
);

/** The browser's own words for a connection that central did not take. */
function isRefusal(complaint: string): boolean {
  return complaint.startsWith("Failed to load resource: net::ERR_");
}

/** Where a person who wants to look finds them: MILLRACE_SCREENSHOTS, else with the test's other files, which go with it. */
function screenshotPath(works: Works, name: string): string {
  const folder = process.env["MILLRACE_SCREENSHOTS"];
  return folder === undefined ? works.path(name) : `${folder}/${name}`;
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
