// What the commands say and leave behind: a folder without a store, files that are there, alarms that look alike.
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BatchQueue, type Change, LevelStore } from "@millrace/queue";
import { systemRandom } from "@millrace/runtime";
import { paneLayout, PaneTable } from "@millrace/stream";
import { TEST_CERTIFICATES, testFrontier } from "@millrace/testkit";
import { encodePaneBatch } from "@millrace/wire";
import { expect, onTestFinished, test, vi } from "vitest";
import { AGENT_STORE_VERSION } from "../version.ts";
import { numberKey, PREFIX, putJson, seriesStoreKey } from "../durability/agent-store.ts";
import { encodeMessage } from "../durability/message-record.ts";
import { RedoBuffer } from "../durability/redo-entry.ts";
import { Quarantine } from "../intake/quarantine.ts";
import { checkCommand } from "./check.ts";
import { doctorCommand } from "./doctor.ts";
import { forgetCommand } from "./forget.ts";
import { initCommand } from "./init.ts";
import { maintenanceCommand } from "./maintenance.ts";
import { resetOutcome } from "./reset.ts";
import { runCommand } from "./run-command.test-support.ts";
import {
  renderAlarm,
  renderCoarsened,
  renderInput,
  renderQuarantine,
  renderRefusedSeries,
  renderUnseen,
} from "./status.ts";

const newFolder = (): string => mkdtempSync(join(tmpdir(), "millrace-commands-"));

/** What `init` leaves, with a data folder that is not there yet; and doctor for it. */
async function agentFolder() {
  const folder = newFolder();
  await runCommand({ init: initCommand }, ["init", "--folder", folder]);
  const config = join(folder, "agent.yaml");
  writeFileSync(config, readFileSync(config, "utf8").replace(/^data: .*$/m, "data: ./here"));
  const doctor = (...flags: string[]) =>
    runCommand({ doctor: doctorCommand }, ["doctor", "--config", config, ...flags]);
  return { dataFolder: join(folder, "here"), doctor };
}

/** The same with a store in it, to be closed before doctor comes. */
async function agentStore() {
  const { dataFolder, doctor } = await agentFolder();
  const path = join(dataFolder, "store");
  const store = await LevelStore.open({ path, kind: "agent", version: AGENT_STORE_VERSION, pid: 1 });
  return { path, store, doctor };
}

test("status says what of the backlog was made coarser, and of what time", () => {
  expect(renderCoarsened({ coarsened: null })).toEqual([]);
  const [line] = renderCoarsened({ coarsened: { rows: 12, startMs: 0, endMs: 60_000 } });
  expect(line).toContain(
    "12 rows merged into others, of 1970-01-01T00:00:00.000Z to 1970-01-01T00:01:00.000Z",
  );
});

test("check took an uplink whose key fits no certificate, and doctor is kept from nothing by it", async () => {
  const folder = newFolder();
  await runCommand({ init: initCommand }, ["init", "--folder", folder]);
  const config = join(folder, "agent.yaml");
  const { agentCertificate, serverKey } = TEST_CERTIFICATES;
  writeFileSync(join(folder, "uplink.crt"), agentCertificate);
  writeFileSync(join(folder, "uplink.key"), serverKey);
  const uplink = "uplink: { url: mqtts://central.example, cert: ./uplink.crt, key: ./uplink.key }";
  const inputs = "inputs: { broker: { tls: { cert: ./uplink.crt, key: ./uplink.key } } }";
  const write = (...lines: string[]) =>
    writeFileSync(config, ["version: 1", "agent: a", "site: s", ...lines, ""].join("\n"));
  const check = () => runCommand({ check: checkCommand }, ["check", "--config", config]);
  write("inputs: { host: {} }", uplink);
  expect(await check()).toMatchObject({
    code: 2,
    err: expect.stringMatching(
      /agent\.yaml:5:\d+: uplink\.cert: .*uplink\.crt does not fit its key .*uplink\.key;/,
    ),
  });
  write(inputs, "uplink: { url: mqtt://central.example }");
  expect(await check()).toMatchObject({ code: 2, err: expect.stringContaining("inputs.broker.tls.cert: ") });
  const { text } = await runCommand({ doctor: doctorCommand }, ["doctor", "--config", config]);
  expect(text).toContain("there is no store");
});

test("doctor where there is no store says so and makes none", async () => {
  const { dataFolder, doctor } = await agentFolder();
  const { code, text } = await doctor();
  expect(text).toContain("there is no store");
  expect(code).toBe(1);
  expect(existsSync(dataFolder)).toBe(false);
});

test("doctor that may not look into the folder does not say that there is no store", async () => {
  const { dataFolder, doctor } = await agentFolder();
  mkdirSync(dataFolder);
  // What keeps root out, too.
  symlinkSync("store", join(dataFolder, "store"));
  const { code, text } = await doctor();
  expect(text).toContain(`cannot open store ${join(dataFolder, "store")}: `);
  expect(code).toBe(1);
});

test("doctor examines, lists, exports and repairs what an agent has left", async () => {
  const { store, doctor } = await agentStore();
  const queue = await BatchQueue.open(store, { random: systemRandom });
  const table = new PaneTable("temperature", paneLayout(1_000, ["sum"]), { rowsMax: 10 });
  table.add(0, 1_500, 20);
  table.add(0, 1_600, 22);
  const frontier = testFrontier({ epoch: 0 });
  const body = encodePaneBatch({ frontier, sections: [table.take(() => ({ machine: "m1" }))] });
  const changes: Change[] = [];
  const covers = { readingCount: 2, startMs: 1_000, endMs: 2_000, sealedAtMs: 5 };
  const packed = { body, isCompressed: false, bodyBytesRaw: body.length };
  queue.append(changes, { lane: "backfill", kind: "panes", ...packed, ...covers });
  await store.commit(changes, { isSync: true });
  await store.close();

  expect(await doctor()).toMatchObject({ code: 0, text: expect.stringContaining("nothing is damaged") });
  const { text: list } = await doctor("--list");
  expect(JSON.parse(list)).toMatchObject({ lane: "backfill", sequence: 1, state: "waiting", readings: 2 });
  const { text: rows } = await doctor("--export");
  expect(JSON.parse(rows)).toMatchObject({
    metric: "temperature",
    labels: { machine: "m1" },
    startMs: 1_000,
    paneMs: 1_000,
    values: { count: 2, sum: 42 },
  });
  // A repair may have cost something: that is said, here and by the next start.
  expect(await doctor("--repair")).toMatchObject({ code: 1, text: expect.stringContaining("is gone") });
  expect((await doctor("--list")).text).toBe(list);
});

test("doctor lists what the broker keeps for its clients", async () => {
  const { store, doctor } = await agentStore();
  const put = (key: Uint8Array, value: Uint8Array): Change => ({ type: "put", key, value });
  const message = encodeMessage({ topic: "cmd/a", payload: Buffer.from("STOP"), qos: 1 });
  const waiting = new Uint8Array(17);
  waiting.set(numberKey(PREFIX.queuedMessage, 1));
  await store.commit(
    [
      putJson(numberKey(PREFIX.session, 1), {
        client: "press",
        subscriptions: [["cmd/a", 1]],
        awaySinceMs: 0,
      }),
      put(waiting, message),
      put(numberKey(PREFIX.retained, 1), message),
    ],
    { isSync: true },
  );
  await store.close();
  const { code, text } = await doctor();
  expect(code).toBe(0);
  expect(text).toContain(
    `session of press: 1 subscriptions, waiting: 1 messages, ${message.length} bytes, away since 1970-01-01T00:00:00.000Z`,
  );
  expect(text).toContain("1 retained messages");
});

test("doctor examines and mends a store whose CURRENT is gone, as a start does", async () => {
  const { path, store, doctor } = await agentStore();
  const change = putJson(seriesStoreKey(0), { metric: "temperature", labels: { machine: "m1" } });
  await store.commit([change], { isSync: true });
  await store.close();
  unlinkSync(join(path, "CURRENT"));
  expect(await doctor()).toMatchObject({ code: 0, text: expect.stringContaining("nothing is damaged") });
  unlinkSync(join(path, "CURRENT"));
  const manifest = readdirSync(path).find((name) => name.startsWith("MANIFEST-")) ?? "";
  truncateSync(join(path, manifest), 40);
  expect(await doctor()).toMatchObject({ code: 1, text: expect.stringContaining("opened: repaired") });
  expect(await doctor("--list")).toMatchObject({ code: 0 });
});

test("doctor lists and exports readings that are held", async () => {
  const { store, doctor } = await agentStore();
  const rows = new RedoBuffer();
  rows.add(0, 5_000, 21.5, 1);
  rows.add(7, 6_000, 22, 0);
  await store.commit(
    [
      putJson(seriesStoreKey(0), { metric: "temperature", labels: { machine: "m1" } }),
      { type: "put", key: numberKey(PREFIX.held, 1), value: rows.entry(1_000) },
    ],
    { isSync: true },
  );
  await store.close();

  expect((await doctor()).text).toContain("2 readings wait until the clock is proven");
  const known = { metric: "temperature", labels: { machine: "m1" }, timeMs: 5_000, value: 21.5 };
  const first = { ...known, quality: "uncertain", heldByMs: 1_000 };
  const other = { metric: null, labels: null, timeMs: 6_000, value: 22, quality: "good", heldByMs: 1_000 };
  const linesOf = (text: string): unknown[] =>
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  expect(linesOf((await doctor("--held")).text)).toEqual([first, other]);
  expect(linesOf((await doctor("--export")).text)).toEqual([{ held: first }, { held: other }]);
});

test("doctor shows what earlier runs have set aside, and the audit trail, harmless to a terminal", async () => {
  const { store, doctor } = await agentStore();
  const quarantine = await Quarantine.open(store);
  const changes: Change[] = [];
  const rejected = { atMs: 0, topic: "f/m1\u001b[2J", client: "plc-3", reason: "malformed" } as const;
  quarantine.add({ ...rejected, detail: "not JSON" }, new TextEncoder().encode("{ bröken\u0007"));
  quarantine.drainInto(changes);
  const alarm = { rule: "hot", labels: { machine: "m1" }, isActive: true, action: "confirmed" };
  const command = { id: "c1", topic: "f/m1/command", payload: "STOP", attempt: 2, confirmedAtMs: 5_000 };
  const lines: readonly object[] = [
    { atMs: 1_000, maintenance: "begun", labels: { machine: "m1" }, by: "status page", untilMs: 60_000 },
    { atMs: 2_000, maintenance: "ended", labels: "all", by: "topic f/service" },
    { atMs: 3_000, reload: "applied", by: "SIGHUP", version: "0123456789ab", detail: "changed: pipeline" },
    { atMs: 4_000, ...alarm, command },
    { atMs: 5_000, ...alarm, isActive: false, action: "none", command: null, by: "central: page" },
    { atMs: 6_000, maintenance: "begun", labels: {}, by: "anna", untilMs: 1e300 },
    { nonsense: null },
  ];
  for (const [index, line] of lines.entries())
    changes.push(putJson(numberKey(PREFIX.audit, index + 1), line));
  await store.commit(changes, { isSync: true });
  await store.close();
  const doctorLines = async (...flags: string[]) => (await doctor(...flags)).text.trimEnd().split("\n");

  expect(await doctorLines("--quarantine")).toEqual([
    "1970-01-01T00:00:00.000Z  malformed  f/m1·[2J from plc-3: not JSON; 10 bytes: { bröken·",
  ]);
  const head = Buffer.from("{ bröken\u0007").toString("base64");
  const [json] = await doctorLines("--quarantine", "--json");
  expect(JSON.parse(json)).toEqual({ ...rejected, detail: "not JSON", head, bytes: 10 });
  const [exported] = await doctorLines("--export");
  expect(JSON.parse(exported)).toMatchObject({ quarantine: { topic: rejected.topic, head } });
  expect(await doctorLines("--audit")).toEqual([
    "1970-01-01T00:00:01.000Z  maintenance begun machine=m1 until 1970-01-01T00:01:00.000Z  by status page",
    "1970-01-01T00:00:02.000Z  maintenance ended all  by topic f/service",
    "1970-01-01T00:00:03.000Z  reload applied, pipeline 0123456789ab: changed: pipeline  by SIGHUP",
    "1970-01-01T00:00:04.000Z  alarm hot machine=m1  active  action confirmed" +
      "  command c1 to f/m1/command: STOP, attempt 2, confirmed 1970-01-01T00:00:05.000Z",
    "1970-01-01T00:00:05.000Z  alarm hot machine=m1  over  action none  by central: page",
    "1970-01-01T00:00:06.000Z  maintenance begun everything  by anna",
    "?  alarm ? ?  active  action ?",
  ]);
  expect((await doctorLines("--audit", "--json")).map((line) => JSON.parse(line))).toEqual(lines);
});

test("doctor finds damaged tables before LevelDB gets them, and goes through to the end", async () => {
  const { path, store, doctor } = await agentStore();
  for (let number = 0; number < 2_000; number += 1) {
    const key = Uint8Array.of(0x34, 0, 0, 0, 0, 0, 0, number >> 8, number & 255);
    const value = Uint8Array.from({ length: 60 }, (_, at) => (at * number * 31) % 251);
    await store.commit([{ type: "put", key, value }], { isSync: false });
  }
  await store.compact(Uint8Array.of(0), Uint8Array.of(255));
  await store.close();
  const table = join(path, readdirSync(path).find((name) => name.endsWith(".ldb")) ?? "");
  // The lengths of keys, all over it: LevelDB's own repair ends the process.
  const bytes = readFileSync(table);
  for (let at = 0; at < bytes.length; at += 20_000) bytes[at] ^= 0x3;
  writeFileSync(table, bytes);
  for (const flags of [[], ["--repair"]]) {
    const { code, text } = await doctor(...flags);
    expect(code).toBe(1);
    expect(text).toMatch(/DAMAGED store .*some of what was committed is gone/);
    expect(text).toMatch(/ok {6}values/);
    expect(text).toMatch(/1 damaged$/m);
  }
});

test("init leaves a pipeline that is there alone, and says in words that agent.yaml exists", async () => {
  const folder = newFolder();
  writeFileSync(join(folder, "pipeline.yaml"), "mine");
  expect((await runCommand({ init: initCommand }, ["init", "--folder", folder])).code).toBe(0);
  expect(readFileSync(join(folder, "pipeline.yaml"), "utf8")).toBe("mine");
  const { code, text } = await runCommand({ init: initCommand }, ["init", "--folder", folder]);
  expect(code).toBe(1);
  expect(text).toContain("agent.yaml: it exists already");
});

test("the status says how many payloads are set aside, from whom the last of each reason came, and where to see them", () => {
  const url = "http://127.0.0.1:9464/status";
  const last = { topic: "f/m1", client: "c", detail: "an hour", head: "MQ==", bytes: 1 };
  const quarantine = [
    { ...last, atMs: 0, reason: "future" },
    { ...last, atMs: 1, reason: "malformed", detail: "no number" },
    { ...last, atMs: 2, reason: "future" },
  ] as const;
  expect(renderQuarantine({ quarantineCount: 0, quarantine: [] }, url)).toEqual([]);
  expect(renderQuarantine({ quarantineCount: 7, quarantine }, url)).toEqual([
    "  quarantine holds 7: `doctor --quarantine`, or the latest of this run at http://127.0.0.1:9464/status; of each reason the last:",
    "    1970-01-01T00:00:00.002Z  future  f/m1 from c: an hour; 1 bytes: 1",
    "    1970-01-01T00:00:00.001Z  malformed  f/m1 from c: no number; 1 bytes: 1",
  ]);
  expect(renderQuarantine({ quarantineCount: 7, quarantine: [] }, url)).toHaveLength(1);
});

test("the status names who wanted more series than a metric may have", () => {
  const refused = { level: { count: 7, topic: "f/m9/level", client: "plc-3", atMs: 0 } };
  expect(renderUnseen({ late: 0, seriesOverLimit: 0, windowsRefused: 0 })).toEqual([]);
  expect(renderUnseen({ late: 1, seriesOverLimit: 2, windowsRefused: 3 })).toEqual([
    "rules: 1 readings came too far out of order to be judged",
    "rules: 2 readings are of more series than a rule may have",
    "rules on windows: no room for 3 readings; make the windows' panes longer, or group by less",
  ]);
  expect(renderRefusedSeries({})).toEqual([]);
  expect(renderRefusedSeries(refused)).toEqual([
    "           level has as many as it may: refused 7 readings of others, the last from plc-3 on f/m9/level",
  ]);
});

test("an alarm is shown with its machine, its latch and its action", () => {
  const alarm = {
    id: "a1",
    labels: { machine: "m1" },
    message: "too hot",
    severity: 900,
    activeAtMs: 1_700_000_000_000,
    value: 91.3057178,
    limit: 90,
    action: "confirmed",
    clearedAtMs: 5,
    isLatched: true,
    isHistorical: false,
  } as const;
  expect(renderAlarm(alarm)).toBe(
    "  a1  severity 900  since 2023-11-14T22:13:20.000Z  machine=m1  too hot  value 91.30572, limit 90  condition over  latched  action confirmed",
  );
});

test.each([
  [{ id: "all", count: 0, alarms: [] }, "nothing to reset\n", 0],
  [{ id: "all", count: 2, alarms: [] }, "reset: 2\n", 0],
  [{ id: "a", count: 0, alarms: [{ id: "b", clearedAtMs: null }] }, "no alarm a to reset\n", 1],
  [
    { id: "all", count: 0, alarms: [{ id: "b", clearedAtMs: null }] },
    "nothing to reset\n1 alarm still holds its condition and stays active\n",
    1,
  ],
])("reset %j", (input, text, exitCode) => {
  expect(resetOutcome(input)).toEqual({ text, exitCode });
});

test("check shows the settings of HTTP and files as the agent sees them, without their secrets", async () => {
  const folder = newFolder();
  await runCommand({ init: initCommand }, ["init", "--folder", folder]);
  const config = join(folder, "agent.yaml");
  const inputs = `inputs:
  http: { users: [{ user: telegraf, token: hush }] }
  files: [{ path: x.log, topic: t, format: pattern, pattern: "(?<value>.)" }]
`;
  writeFileSync(config, readFileSync(config, "utf8").replace(/^inputs:[^]*(?=^uplink:)/m, inputs));
  const { code, text } = await runCommand({ check: checkCommand }, [
    "check",
    "--config",
    config,
    "--effective",
  ]);
  expect(code).toBe(0);
  expect(text).not.toContain("hush");
  expect(text).toContain('"pattern": "(?<value>.)"');
});

test("check warns of an uplink's certificate that has expired, at its place", async () => {
  const folder = newFolder();
  await runCommand({ init: initCommand }, ["init", "--folder", folder]);
  const config = join(folder, "agent.yaml");
  const { agentCertificate, agentKey } = TEST_CERTIFICATES;
  writeFileSync(join(folder, "uplink.crt"), agentCertificate);
  writeFileSync(join(folder, "uplink.key"), agentKey);
  const uplink = "uplink: { url: mqtts://central, cert: ./uplink.crt, key: ./uplink.key }\n";
  writeFileSync(config, readFileSync(config, "utf8").replace(/^uplink:\n(?: .*\n)*/m, uplink));
  const check = () => runCommand({ check: checkCommand }, ["check", "--config", config]);
  expect(await check()).toMatchObject({ code: 0, text: expect.not.stringContaining("warning") });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2127, 0) });
  onTestFinished(() => void vi.useRealTimers());
  expect(await check()).toMatchObject({
    code: 0,
    text: expect.stringMatching(
      /^warning: .*agent\.yaml:\d+:\d+: uplink\.cert: .*uplink\.crt has expired at 2126-10-30T/,
    ),
  });
});

test("the status says of each file how far it is read, and of each input what it has taken and refused", () => {
  const file = { topic: "t", positionBytes: 10, lagBytes: 0, error: null };
  const input = {
    name: "files",
    isConnected: true,
    reason: null,
    counts: { lines: 3, bytes: 10, "rejected.malformed": 1, rotations: 0 },
    files: [
      { ...file, path: "/a.log" },
      { ...file, path: "/b.log", lagBytes: 7 },
      { ...file, path: "/c.log", error: "there is no such file" },
    ],
  };
  expect(renderInput(input)).toEqual([
    "  files     open, lines 3, rejected.malformed 1",
    "    /a.log  read to its end, 10 bytes",
    "    /b.log  7 bytes behind, at 10",
    "    /c.log  there is no such file",
  ]);
});

test("an input says what came in, how fast, and all that it has counted besides", () => {
  const counts = { messages: 158_713, oversized: 80, client_errors: 285, refused_publishes: 0, clients: 12 };
  const input = { name: "broker", isConnected: true, reason: null, counts };
  const before = { ...input, counts: { ...counts, messages: 156_213 } };
  expect(renderInput(input, { inputs: [before], agoMs: 1_250 })).toEqual([
    "  broker    open, messages 158713 (2000/s), oversized 80, client_errors 285, clients 12",
  ]);
  const silent = { ...input, counts: { ...counts, messages: 0 } };
  expect(renderInput(silent, { inputs: [before], agoMs: 1_250 })[0]).toContain("messages 0 (0.0/s)");
});

test("init names its own flag where it cannot write", async () => {
  const { code, text } = await runCommand({ init: initCommand }, ["init", "--folder", "/proc/x"]);
  expect(code).toBe(1);
  expect(text).toContain("set --folder to a folder that");
});

test.each(["400d", "0s"])("a maintenance of %s is refused with the longest one", async (length) => {
  const folder = newFolder();
  await runCommand({ init: initCommand }, ["init", "--folder", folder]);
  const argv = ["maintenance", "on", "--for", length, "--config", join(folder, "agent.yaml")];
  const { code, text } = await runCommand({ maintenance: maintenanceCommand }, argv);
  expect(code).toBe(2);
  expect(text).toContain("it may be up to 31d");
});

test.each([
  ["maintenance", "on", "--labels", "machine=m1"],
  ["forget", "--labels", "machine=m1"],
])("%s is refused where no agent runs, and takes labels only as NAME=VALUE", async (...argv) => {
  const folder = newFolder();
  await runCommand({ init: initCommand }, ["init", "--folder", folder]);
  const config = join(folder, "agent.yaml");
  writeFileSync(config, `${readFileSync(config, "utf8").replace(/^http:.*$/m, "")}\nhttp: { port: 1 }\n`);
  const commands = { maintenance: maintenanceCommand, forget: forgetCommand };
  const refused = await runCommand(commands, [...argv, "--config", config]);
  expect(refused).toMatchObject({ code: 1, text: expect.stringContaining("http://127.0.0.1:1/") });
  const wrong = await runCommand(commands, [...argv, "--labels", "m1", "--config", config]);
  expect(wrong).toMatchObject({ code: 2, text: expect.stringContaining("--labels takes NAME=VALUE") });
});

test("a maintenance that matches nothing warns first, begins nothing and fails, unless it is wanted so", async () => {
  const bodies: string[] = [];
  const page = createServer((request, response) => {
    void text(request).then((body) => {
      bodies.push(body);
      response.end(
        JSON.stringify({ isChanged: body.includes('"isNoneAllowed":true'), reason: "none", seriesCount: 0 }),
      );
    });
  });
  page.listen(0, "127.0.0.1");
  await once(page, "listening");
  const address = page.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const folder = newFolder();
  await runCommand({ init: initCommand }, ["init", "--folder", folder]);
  const config = join(folder, "agent.yaml");
  writeFileSync(
    config,
    `${readFileSync(config, "utf8").replace(/^http:.*$/m, "")}\nhttp: { port: ${port} }\n`,
  );
  const on = (...flags: string[]) =>
    runCommand({ maintenance: maintenanceCommand }, [
      "maintenance",
      "on",
      "--labels",
      "machine=m9",
      "--config",
      config,
      ...flags,
    ]);
  const warning = "WARNING: 0 series have machine=m9 now; see that names and values are right\n";
  expect(await on()).toMatchObject({
    code: 1,
    text: `${warning}NOT in maintenance: commands still go out. For a machine that has never been heard: --even-if-none\n`,
  });
  expect(await on("--even-if-none")).toMatchObject({
    code: 0,
    text: `${warning}in maintenance for 8h: machine=m9, 0 series\n`,
  });
  expect(JSON.parse(bodies[0])).toMatchObject({ isNoneAllowed: false, user: expect.stringMatching(/./) });
  page.close();
});
