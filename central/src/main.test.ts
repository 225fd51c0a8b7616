// Shows the program as a user types it: init, check, run, status, site retire, a signal, and plain errors.
import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import type { ChildProcess } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LevelStore } from "@millrace/queue";
import { freePort, TEST_CERTIFICATES } from "@millrace/testkit";
import { afterEach, expect, test } from "vitest";
import { makeAuthority } from "./enrolment/certificates.ts";
import { CENTRAL_STORE_FORMAT } from "./state/central-state.ts";
import { CENTRAL_KEYS } from "./store/central-keys.ts";

const MAIN = join(import.meta.dirname, "main.ts");
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(...args: string[]): {
  child: ChildProcess;
  ended: Promise<Ended>;
  said(text: string): Promise<void>;
} {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  let heard = () => {};
  child.stdout.on("data", (chunk: Buffer) => {
    out += String(chunk);
    heard();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += String(chunk);
  });
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, out, err })));
  ends.push(() => {
    child.kill("SIGKILL");
    return ended;
  });
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      heard = () => {
        if (out.includes(text)) resolve();
      };
      heard();
      void ended.then((end) => reject(new Error(`ended before it said "${text}": ${end.out}${end.err}`)));
    });
  return { child, ended, said };
}

function run(...args: string[]): Promise<Ended> {
  return start(...args).ended;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-central-main-"));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const PIPELINE = `version: 1
metrics:
  temperature:
    unit: °C
    from: { topic: "factory/{site}/{machine}/temperature", number: {} }
    accumulate: [count, mean]
windows:
  temperature_10s: { metric: temperature, size: 10s, by: [site] }
`;

async function configure(ofHttp = ""): Promise<{ folder: string; config: string; http: number }> {
  const folder = temporaryFolder();
  const mqtt = await freePort();
  const http = await freePort();
  const config = join(folder, "central.yaml");
  writeFileSync(join(folder, "pipeline.yaml"), PIPELINE);
  writeFileSync(
    config,
    `version: 1
intake: { mqtt: { port: ${mqtt} } }
http: { port: ${http}${ofHttp} }
agents:
  - { id: alpha-1, site: alpha, password: one }
`,
  );
  return { folder, config, http };
}

test("help, version and wrong use", async () => {
  const [help, version, nothing, unknown] = await Promise.all([
    run("--help"),
    run("--version"),
    run(),
    run("rnu"),
  ]);
  expect([help.code, version.code, nothing.code, unknown.code]).toEqual([0, 0, 2, 2]);
  for (const command of ["run", "check", "status", "init", "site", "user", "token"])
    expect(help.out).toMatch(new RegExp(`^ +${command} `, "m"));
  expect(version.out).toMatch(/^millrace-central \d+\.\d+\.\d+ \(.*wire 1, store 5/);
  expect(unknown.err).toContain("did you mean run?");
}, 300_000);

test("init writes what check accepts, and never over a file", async () => {
  const folder = temporaryFolder();
  const config = join(folder, "central.yaml");
  expect(await run("init", "--folder", folder)).toMatchObject({ code: 0 });
  const check = await run("check", "--config", config, "--json");
  expect({ code: check.code, err: check.err }).toEqual({ code: 0, err: "" });
  expect(JSON.parse(check.out)).toMatchObject({ config, records: [], sinks: [] });
  const text = readFileSync(config, "utf8");
  const again = await run("init", "--folder", folder);
  expect([again.code, readFileSync(config, "utf8")]).toEqual([1, text]);
  expect(again.err).toContain("file_unwritable");
}, 300_000);

test("check says what records come and how many sinks there are", async () => {
  const config = join(import.meta.dirname, "../../pipelines/orders.central.yaml");
  const check = await run("check", "--config", config);
  expect(check).toMatchObject({ code: 0, err: "" });
  expect(check.out).toMatch(/ 4 windows, 1 stream of records, 0 sinks$/m);
}, 300_000);

test("run, status and retire a site; a signal stops in order", async () => {
  const { config } = await configure();
  const central = start("run", "--config", config);
  await central.said('"running"');
  const status = await run("status", "--config", config);
  expect(status).toMatchObject({ code: 0, err: "" });
  expect(status.out).toMatch(/^agent +site +state/);
  expect(status.out).toMatch(/^alpha-1 +alpha +never_seen +never/m);
  expect(await run("site", "retire", "alpha", "--config", config)).toMatchObject({
    code: 0,
    out: "site alpha is retired\n",
  });
  expect(await run("site", "retire", "alpha", "--config", config)).toMatchObject({ code: 1 });
  const json = await run("status", "--json", "--config", config);
  expect(json).toMatchObject({ code: 0, err: "" });
  expect(JSON.parse(json.out)).toMatchObject({
    health: { isReady: true },
    agents: [{ agent: "alpha-1", state: "retired" }],
  });
  const second = await run("run", "--config", config);
  expect(second.code).toBe(1);
  expect(second.err).toContain(`process ${central.child.pid} holds it`);
  central.child.kill("SIGTERM");
  expect(await central.ended).toMatchObject({ code: 0, err: "" });
  const gone = await run("status", "--config", config);
  expect([gone.code, gone.err.includes("service_unreachable")]).toEqual([1, true]);
}, 300_000);

test("with users and tokens the API wants one of them; the commands on this machine have their own, over TLS too", async () => {
  const [made, user] = await Promise.all([
    run("token", "grafana"),
    run("user", "alice", "--role", "operate"),
  ]);
  expect([made.code, user.code]).toEqual([0, 0]);
  const [token = "", entry = ""] = made.out.trim().split("\n");
  expect(entry).toMatch(/^- \{ name: grafana, tokenHash: "sha256:[0-9a-f]{64}", role: read \}$/);
  expect(made.err + user.err).not.toContain("next start");
  const [password = "", , userEntry = ""] = user.out.trim().split("\n");
  const entries = [userEntry, entry].map((each) => each.replace(/^- /, ""));
  const { folder, config, http } = await configure(
    `, users: [${entries[0]}], tokens: [${entries[1]}], tls: { cert: central.crt, key: central.key }`,
  );
  writeFileSync(join(folder, "central.crt"), TEST_CERTIFICATES.serverCertificate);
  writeFileSync(join(folder, "central.key"), TEST_CERTIFICATES.serverKey);
  const central = start("run", "--config", config);
  await central.said('"running"');
  const ask = async (path: string, headers: Record<string, string> = {}, body?: object): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request(
        {
          host: "127.0.0.1",
          port: http,
          path,
          ca: TEST_CERTIFICATES.authority,
          servername: "localhost",
          method: body === undefined ? "GET" : "POST",
          headers: { ...headers, "content-type": "application/json" },
        },
        (response) => resolve(response.resume().statusCode ?? 0),
      );
      sent.on("error", reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  expect(await ask("/api/v1/agents")).toBe(401);
  expect(await ask("/api/v1/agents", { authorization: `Bearer ${token}` })).toBe(200);
  expect(await ask("/api/v1/session", {}, { user: "alice", password })).toBe(200);
  expect(await ask("/api/v1/session", {}, { user: "alice", password: token })).toBe(401);
  writeFileSync(join(folder, "central.crt"), "junk");
  central.child.kill("SIGHUP");
  await central.said("configuration: refused; nothing is changed");
  writeFileSync(join(folder, "central.crt"), TEST_CERTIFICATES.serverCertificate);
  central.child.kill("SIGHUP");
  await central.said("agents, users, tokens and certificates are taken over");
  expect(await run("status", "--config", config)).toMatchObject({ code: 0, err: "" });
  expect(await run("site", "retire", "alpha", "--config", config)).toMatchObject({ code: 0 });
  const backup = join(folder, "central.backup");
  const nowhere = await run("backup", join(folder, "away", "central.backup"), "--config", config);
  expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringContaining("backup_folder_missing")]);
  symlinkSync(join(folder, "data", "store"), join(folder, "linked"));
  for (const within of ["data/central.backup", "data/store/central.backup", "linked/central.backup"]) {
    const refused = await run("backup", join(folder, within), "--config", config);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("backup_in_data_folder")]);
  }
  expect(await run("backup", backup, "--config", config)).toMatchObject({ code: 0, err: "" });
  expect(statSync(join(folder, "data", "api.token")).mode & 0o777).toBe(0o600);
  rmSync(join(folder, "data", "api.token"));
  const stranger = await run("status", "--config", config);
  expect([stranger.code, stranger.err.includes("api.token in central's data folder")]).toEqual([1, true]);
}, 300_000);

test("a gateway is enrolled while central runs: by a password, and by a certificate of central's own authority", async () => {
  const { folder, config } = await configure();
  const central = start("run", "--config", config);
  await central.said('"running"');
  const enrolled = await run("enroll", "beta-1", "--site", "beta", "--config", config);
  expect(enrolled).toMatchObject({ code: 0, err: "" });
  const password = join(folder, "identities", "beta-1", "uplink.password");
  expect(statSync(password).mode & 0o777).toBe(0o600);
  expect(readFileSync(password, "utf8")).toMatch(/^[0-9a-f]{48}\n$/);
  const entry = /^- \{ id: beta-1.*\}$/m.exec(enrolled.out)?.[0] ?? "";
  writeFileSync(config, `${readFileSync(config, "utf8")}  ${entry}\n`);
  central.child.kill("SIGHUP");
  await central.said("are taken over");
  const status = await run("status", "--config", config);
  expect(status.out).toMatch(/^beta-1 +beta +never_seen/m);
  writeFileSync(config, "version: 1\nagents: nobody\n");
  central.child.kill("SIGHUP");
  await central.said("refused; nothing is changed");
  writeFileSync(config, "version: 1\nagents: [{ id: beta-1, site: beta, password: x }]\n");
  const elsewhere = await run("enroll", "beta-1", "--site", "gamma", "--config", config);
  expect([elsewhere.code, elsewhere.err.includes("is enrolled at site beta")]).toEqual([2, true]);
  const before = readFileSync(password, "utf8");
  const again = await run("enroll", "beta-1", "--site", "beta", "--config", config);
  expect(again).toMatchObject({ code: 0, err: "" });
  expect(again.out).toMatch(/beta-1: was there, and is as it was; --renew makes another\n/);
  expect(again.out).toContain(`in place of what is there of it:\n${entry}\n`);
  expect(readFileSync(password, "utf8")).toBe(before);
  const [certificate, listener] = [
    await run("enroll", "beta-2", "--site", "beta", "--certificate", "--days", "30", "--config", config),
    await run("certificate", "central.example", "--config", config),
  ];
  expect([certificate.code, listener.code]).toEqual([0, 0]);
  const read = (...path: string[]) => new X509Certificate(readFileSync(join(folder, "identities", ...path)));
  const authority = read("authority.crt");
  expect(read("beta-2", "uplink.crt").subject).toBe("CN=beta-2");
  for (const issued of [read("beta-2", "uplink.crt"), read("central.crt")])
    expect(issued.checkIssued(authority) && issued.verify(authority.publicKey)).toBe(true);
}, 300_000);

test("a renewed certificate of central keeps the hosts of the one before, unless told otherwise, and says which they are", async () => {
  const { folder, config } = await configure();
  const certify = (...args: string[]) => run("certificate", ...args, "--config", config);
  const names = () =>
    new X509Certificate(readFileSync(join(folder, "identities", "central.crt"))).subjectAltName;
  expect(await certify()).toMatchObject({ code: 2, err: expect.stringContaining("HOST is missing") });
  const made = await certify("Central.example", "::1", "central.example");
  expect(made.out).toMatch(/^wrote .*central\.crt for central\.example, ::1\n/);
  const renewed = await certify("other.example", "0:0::1", "--renew");
  expect(renewed.out).toMatch(/^wrote .*central\.crt for central\.example, ::1, other\.example\n/);
  expect(await certify("--renew")).toMatchObject({ code: 0, err: "" });
  expect(names()).toBe("DNS:central.example, IP Address:0:0:0:0:0:0:0:1, DNS:other.example");
  expect(await certify("other.example", "--renew", "--only")).toMatchObject({ code: 0, err: "" });
  expect(names()).toBe("DNS:other.example");
  writeFileSync(join(folder, "identities", "central.crt"), "junk");
  const unread = await certify("--renew");
  expect([unread.code, unread.err]).toEqual([2, expect.stringContaining("name all of them, with --only")]);
}, 300_000);

test("an authority that cannot sign is a plain error; one that ends soon says so, and passwords need none of its key", async () => {
  const { folder, config } = await configure();
  await run("certificate", "localhost", "--config", config);
  const identities = join(folder, "identities");
  const enroll = (...args: string[]) => run("enroll", ...args, "--site", "beta", "--config", config);
  const { cert, key } = await makeAuthority("short", { fromMs: Date.now(), days: 10 });
  writeFileSync(join(identities, "authority.crt"), cert);
  const refused = await enroll("beta-1", "--certificate");
  expect([refused.code, refused.err]).toEqual([
    1,
    expect.stringMatching(
      /^cannot use the authority in .*identities: authority\.key is not the key of authority\.crt \(CN=short\)\n  → /,
    ),
  ]);
  writeFileSync(join(identities, "authority.key"), key);
  const capped = await enroll("beta-1", "--certificate");
  expect([capped.code, capped.err]).toEqual([
    0,
    expect.stringMatching(
      /^warning: the authority \(.*\) ends at 20.*: what it signs ends then, before 365 days\n$/,
    ),
  ]);
  const [authority, issued] = ["authority.crt", "beta-1/uplink.crt"].map(
    (path) => new X509Certificate(readFileSync(join(identities, path))),
  );
  expect(issued?.validTo).toBe(authority?.validTo);
  rmSync(join(identities, "authority.key"));
  writeFileSync(
    config,
    `version: 1\nintake: { mqtt: { tls: { cert: ${identities}/central.crt, key: ${identities}/central.key } } }\n`,
  );
  expect(await enroll("beta-2")).toMatchObject({ code: 0, err: "" });
  const gone = await run("certificate", "localhost", "--renew", "--config", config);
  expect([gone.code, gone.err]).toEqual([1, expect.stringContaining("authority.key is not there")]);
}, 300_000);

test("an identity that is not whole is named, with what it lacks; a gateway that is listed otherwise gets an entry in its place", async () => {
  const { folder, config } = await configure();
  const enroll = (...args: string[]) => run("enroll", ...args, "--config", config);
  const certified = ["beta-1", "beta-2", "beta-3", "beta-4", "--site", "beta", "--certificate"];
  expect(await enroll(...certified)).toMatchObject({ code: 0 });
  const identity = (...path: string[]) => join(folder, "identities", ...path);
  rmSync(identity("beta-2", "uplink.key"));
  writeFileSync(identity("beta-3", "uplink.crt"), "");
  rmSync(identity("beta-4", "ca.crt"));
  const again = await enroll(...certified);
  expect(again.code).toBe(1);
  expect(again.out).toMatch(
    /^beta-1 .*as it was.*\nbeta-2 .*not whole: without uplink\.key; --renew.*\nbeta-3 .*without uplink\.crt; --renew.*\nbeta-4 .*as it was/m,
  );
  expect(existsSync(identity("beta-4", "ca.crt"))).toBe(true);
  expect(again.out).not.toContain("id: beta-2");
  // Listed with a password of central.yaml itself, as `init` writes it.
  const password = await enroll("alpha-1", "--site", "alpha");
  expect(password.out).toContain(
    `in place of what is there of it:\n- { id: alpha-1, site: alpha, passwordFile: "${identity("alpha-1", "uplink.password")}" }\n`,
  );
  writeFileSync(identity("alpha-1", "uplink.password"), "");
  const empty = await enroll("alpha-1", "--site", "alpha");
  expect([empty.code, empty.out]).toEqual([
    1,
    expect.stringMatching(/alpha-1: not whole: without uplink\.password; --renew/),
  ]);
  const certificate = await enroll("alpha-1", "--site", "alpha", "--certificate");
  expect(certificate.out).toContain("in place of what is there of it:\n- { id: alpha-1, site: alpha }\n");
  writeFileSync(
    config,
    readFileSync(config, "utf8").replace(
      /password: one/,
      `passwordFile: ${identity("alpha-1", "uplink.password")}`,
    ),
  );
  writeFileSync(identity("alpha-1", "uplink.password"), "old\n");
  const renewed = await enroll("alpha-1", "--site", "alpha", "--renew");
  expect([renewed.code, renewed.out.includes("under agents")]).toEqual([0, false]);
}, 300_000);

test("a store of format 2 is marked as of the newest, its members kept, and an older program refuses it", async () => {
  const { folder, config } = await configure();
  const older = { path: join(folder, "data", "store"), kind: "central", version: 2, pid: 1 } as const;
  const store = await LevelStore.open(older);
  const members = [{ agent: "beta-1", site: "beta", joinedMs: 1, leftMs: 2 }];
  const value = Buffer.from(JSON.stringify(members));
  await store.commit([{ type: "put", key: CENTRAL_KEYS.memberList(), value }], { isSync: true });
  await store.close();
  const central = start("run", "--config", config);
  await central.said('"running"');
  central.child.kill("SIGTERM");
  expect(await central.ended).toMatchObject({ code: 0, err: "" });
  await expect(LevelStore.open(older)).rejects.toMatchObject({ code: "store_newer" });
  const newer = await LevelStore.open({ ...older, version: CENTRAL_STORE_FORMAT });
  expect(newer.versionFound).toBe(CENTRAL_STORE_FORMAT);
  expect(await newer.get(CENTRAL_KEYS.memberList())).toBeUndefined();
  const kept = await newer.get(CENTRAL_KEYS.member("beta-1"));
  await newer.close();
  expect(JSON.parse(Buffer.from(kept ?? []).toString())).toEqual({
    agent: "beta-1",
    stays: [{ site: "beta", joinedMs: 1, leftMs: 2 }],
  });
}, 300_000);

test("SIGHUP while central starts ends nothing: it is answered once it has started", async () => {
  const { config } = await configure();
  const central = start("run", "--config", config);
  await central.said('"msg":"millrace-central ');
  central.child.kill("SIGHUP");
  await central.said("are taken over");
  central.child.kill("SIGTERM");
  expect((await central.ended).code).toBe(0);
}, 300_000);

test("what enroll prints fits central's listener: its authority, a certificate where it asks for one, a start where that is new", async () => {
  const { folder, config } = await configure();
  const plain = await run("enroll", "beta-1", "--site", "beta", "--certificate", "--config", config);
  expect(plain.out).toMatch(/so that it asks agents for certificates[^]*then start central again: .*\n$/);
  await run("certificate", "localhost", "--config", config);
  const identities = join(folder, "identities");
  const listener = (more: string) =>
    writeFileSync(
      config,
      `version: 1\nintake: { mqtt: { tls: { cert: ${identities}/central.crt, key: ${identities}/central.key${more} } } }\n`,
    );
  listener("");
  const password = await run("enroll", "beta-2", "--site", "beta", "--config", config);
  expect(password.out).toMatch(
    /uplink: \{ url: "mqtts:.*", passwordFile: .\/uplink.password, ca: .\/ca.crt \}\n\nthen send central SIGHUP/,
  );
  expect(readFileSync(join(identities, "beta-2", "ca.crt"))).toEqual(
    readFileSync(join(identities, "authority.crt")),
  );
  const certificate = await run("enroll", "beta-3", "--site", "beta", "--certificate", "--config", config);
  expect(certificate.out).toContain("so that it asks agents for certificates");
  listener(`, ca: ${identities}/authority.crt`);
  const asked = await run("enroll", "beta-4", "--site", "beta", "--config", config);
  expect(asked.out).toContain("central asks every agent for a certificate (intake.mqtt.tls.ca)");
  const fits = await run("enroll", "beta-5", "--site", "beta", "--certificate", "--config", config);
  expect(fits.out).not.toMatch(/asks|start central/);
}, 300_000);

test("several gateways are enrolled at once: all or none, and those that have an identity keep it", async () => {
  const { folder, config } = await configure();
  const [names, bad] = [join(folder, "names.txt"), join(folder, "bad.txt")];
  writeFileSync(names, "beta-2\n\n beta-3\r\n");
  writeFileSync(bad, "beta-2\nbeta 3\n");
  const identities = join(folder, "identities");
  const enroll = (...args: string[]) => run("enroll", ...args, "--site", "beta", "--config", config);
  for (const [args, reason] of [
    [["--names-file", bad], `${bad}:2: "beta 3" is no name`],
    [["beta-2", "--names-file", names], `${names}:1: beta-2 is named twice`],
    [["beta-1", "alpha-1"], "agent alpha-1 is enrolled at site alpha"],
    [["--names-file", "/dev/null"], "AGENT is missing"],
    [["--names-file", join(folder, "nope")], `cannot read --names-file ${join(folder, "nope")}: ENOENT`],
    [["authority.key"], "authority.key is the name of a file in the folder of identities"],
    [["beta-1", "central.crt"], "central.crt is the name of a file"],
  ] as const) {
    const refused = await enroll(...args);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining(reason)]);
  }
  expect(existsSync(identities)).toBe(false);

  const enrolled = await enroll("beta-1", "--names-file", names);
  expect(enrolled).toMatchObject({ code: 0, err: "" });
  const agents = ["beta-1", "beta-2", "beta-3"];
  expect(enrolled.out.match(/^beta-\d.*$/gm)).toEqual(
    agents.map((agent) =>
      expect.stringMatching(`^${agent} +${identities}/${agent} +copy it to the gateway$`),
    ),
  );
  const entries = enrolled.out.match(/^- \{ id: beta-.*\}$/gm) ?? [];
  expect(entries).toHaveLength(3);
  expect(enrolled.out).toMatch(/in each agent\.yaml[^]*\nagent: …\nsite: beta\nuplink: \{ url: "mqtt:/);
  const password = (agent: string) => readFileSync(join(identities, agent, "uplink.password"), "utf8");
  const passwords = agents.map(password);
  expect(new Set(passwords).size).toBe(3);

  writeFileSync(config, `${readFileSync(config, "utf8")}${entries.map((each) => `  ${each}\n`).join("")}`);
  const again = JSON.parse((await enroll("beta-1", "beta-4", "--names-file", names, "--json")).out);
  const state = (agent: string, isNew: boolean, entry: object | null) => ({
    agent,
    folder: join(identities, agent),
    isNew,
    missing: [],
    isListed: !isNew,
    entry,
  });
  expect(again).toEqual({
    site: "beta",
    agents: [
      state("beta-1", false, null),
      state("beta-4", true, {
        id: "beta-4",
        site: "beta",
        passwordFile: join(identities, "beta-4", "uplink.password"),
      }),
      state("beta-2", false, null),
      state("beta-3", false, null),
    ],
    uplink: { url: expect.stringMatching(/^mqtt:/), passwordFile: "./uplink.password" },
    listenerCa: null,
    isCertificateNeeded: false,
  });
  expect(agents.map(password)).toEqual(passwords);
  expect(await enroll("beta-1", "beta-2", "--renew")).toMatchObject({ code: 0, err: "" });
  expect(agents.map((agent, at) => password(agent) === passwords[at])).toEqual([false, false, true]);
  const certified = JSON.parse((await enroll("beta-5", "beta-6", "--certificate", "--json")).out);
  expect(certified.listenerCa).toBe(join(identities, "authority.crt"));
  for (const agent of ["beta-5", "beta-6"])
    expect(new X509Certificate(readFileSync(join(identities, agent, "uplink.crt"))).subject).toBe(
      `CN=${agent}`,
    );
}, 300_000);

test("enroll refused the configuration that it completes: an entry whose password file is not there yet", async () => {
  const { folder, config } = await configure();
  const entries =
    "  - { id: n1, site: s, passwordFile: ./identities/n1/uplink.password }\n  - { id: n2, site: s, passwordFile: ./identities/n2/uplink.password }\n";
  writeFileSync(config, readFileSync(config, "utf8") + entries);
  expect(await run("check", "--config", config)).toMatchObject({
    code: 2,
    err: expect.stringContaining("identities/n1/uplink.password: there is no such file"),
  });
  expect(await run("enroll", "n1", "--site", "s", "--config", config)).toMatchObject({ code: 0, err: "" });
  expect(await run("enroll", "n2", "--site", "s", "--config", config)).toMatchObject({ code: 0, err: "" });
  expect(readFileSync(join(folder, "identities", "n2", "uplink.password"), "utf8")).toMatch(/^\w+\n$/);
  expect(await run("check", "--config", config)).toMatchObject({ code: 0 });
});

test("a pair that does not fit is named at check and at a start, and keeps neither enroll nor status from their work", async () => {
  const { folder, config } = await configure();
  const { serverCertificate, serverKey, agentKey } = TEST_CERTIFICATES;
  const [cert, key] = [join(folder, "central.crt"), join(folder, "central.key")];
  writeFileSync(cert, serverCertificate);
  writeFileSync(key, serverKey);
  writeFileSync(
    config,
    readFileSync(config, "utf8").replace("intake: { mqtt: {", `$& tls: { cert: ${cert}, key: ${key} },`),
  );
  const central = start("run", "--config", config);
  await central.said("running");
  writeFileSync(key, agentKey);
  for (const command of ["check", "run"]) {
    const refused = await run(command, "--config", config);
    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringMatching(/central\.yaml:2:\d+: intake\.mqtt\.tls\.cert: .*central\.crt does not fit/),
    });
    expect(refused.err).toContain(`its key ${key}; put the two there`);
    expect(refused.err).not.toMatch(/^ +at /m);
  }
  expect(await run("status", "--config", config)).toMatchObject({ code: 0, err: "" });
  expect(await run("enroll", "n1", "--site", "s", "--config", config)).toMatchObject({ code: 0, err: "" });
  central.child.kill("SIGTERM");
  expect((await central.ended).code).toBe(0);
}, 120_000);

test("wrong use of user and token is told", async () => {
  const [name, role, short] = await Promise.all([
    run("token", "a b"),
    run("user", "alice", "--role", "admin"),
    run("user", "alice", "--password-file", "/dev/null"),
  ]);
  expect([name.code, role.code, short.code]).toEqual([2, 2, 2]);
  expect(role.err).toContain("--role is read or operate, not admin");
}, 300_000);

test("a configuration that is wrong, a restore without its end and a data folder that is a file are plain errors", async () => {
  const { folder, config } = await configure();
  writeFileSync(join(folder, "wrong.yaml"), "version: 1\nagents: 7\nhttpp: {}\n");
  writeFileSync(join(folder, "lost.yaml"), "version: 1\npipeline: ./nothing.yaml\n");
  const lost = await run("check", "--config", join(folder, "lost.yaml"));
  expect(lost).toMatchObject({
    code: 2,
    err: expect.stringMatching(
      /lost\.yaml:2:1: cannot read configuration .*\/nothing\.yaml: there is no such file; it is the pipeline of this file/,
    ),
  });
  const wrong = await run("check", "--config", join(folder, "wrong.yaml"));
  expect(wrong.code).toBe(2);
  expect(wrong.err).toMatch(/wrong\.yaml:2:\d+/);
  // As a power cut between the two renames of a restore leaves it.
  mkdirSync(join(folder, "data", "store.restoring"), { recursive: true });
  const unfinished = await run("run", "--config", config);
  expect([unfinished.code, unfinished.err.includes("run `millrace-central restore FILE` again")]).toEqual([
    1,
    true,
  ]);
  expect(existsSync(join(folder, "data", "store"))).toBe(false);
  rmSync(join(folder, "data"), { recursive: true });
  writeFileSync(join(folder, "data"), "a file in the way");
  const inTheWay = await run("run", "--config", config);
  expect([inTheWay.code, inTheWay.err.includes("it is a file; name a folder")]).toEqual([2, true]);
  expect(inTheWay.err).not.toMatch(/^ +at /m);
}, 300_000);
