// agent.yaml: defaults and units resolved, secrets read from their files, mistakes named at their place.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TEST_CERTIFICATES } from "@millrace/testkit";
import { expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadAgentConfig } from "./load-agent-config.ts";
import { formatProblem } from "./problem.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-config-"));
const MINIMAL = `version: 1
agent: press-hall-1
site: alpha
inputs: { host: {} }
uplink: { url: mqtt://central.example:1884 }
`;

function problems(text: string): string[] {
  try {
    loadAgentConfig("a.yaml", { env: {}, readFile: () => text, toleratesFiles: true });
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map((problem) => formatProblem(problem).replace(/^a\.yaml:/, ""));
    throw error;
  }
  return [];
}

test("an uplink straight to Kafka: topic and client id by default, its password from a file, a warning where it is bare", () => {
  const path = join(folder, "kafka.yaml");
  writeFileSync(join(folder, "kafka.password"), "s3cret\n");
  const uplink = (kafka: string) => MINIMAL.replace("url: mqtt://central.example:1884", `kafka: ${kafka}`);
  writeFileSync(path, uplink('{ brokers: ["k1:9092", "[::1]:9093"] }'));
  const bare = loadAgentConfig(path);
  expect(bare.warnings).toEqual([]);
  expect(bare.config.uplink).toMatchObject({
    url: "",
    kafka: {
      brokers: ["k1:9092", "[::1]:9093"],
      topic: "millrace.panes.v1",
      clientId: "millrace-press-hall-1",
      tls: null,
      sasl: null,
    },
  });
  const sasl = "{ mechanism: PLAIN, username: u, passwordFile: kafka.password }";
  writeFileSync(path, uplink(`{ brokers: ["k1:9092"], sasl: ${sasl} }`));
  const plain = loadAgentConfig(path);
  expect(plain.config.uplink.kafka?.sasl).toEqual({ mechanism: "PLAIN", username: "u", password: "s3cret" });
  expect(plain.warnings.map(({ message }) => message)).toEqual([
    "the password crosses the network unencrypted; give uplink.kafka.tls, or a SCRAM mechanism",
  ]);
  writeFileSync(path, uplink(`{ brokers: ["k1:9092"], sasl: ${sasl}, tls: {} }`));
  expect(loadAgentConfig(path)).toMatchObject({
    warnings: [],
    config: { uplink: { kafka: { tls: { ca: null, cert: null, key: null } } } },
  });
});

test("defaults", () => {
  const path = join(folder, "minimal.yaml");
  writeFileSync(path, MINIMAL);
  expect(loadAgentConfig(path)).toEqual({
    problemAt: expect.any(Function),
    warnings: [],
    uplinkProblems: [],
    config: {
      path,
      agent: "press-hall-1",
      site: "alpha",
      dataFolder: join(folder, "data"),
      pipelinePath: join(folder, "pipeline.yaml"),
      inputs: { broker: null, mqtt: null, http: null, files: [], host: { intervalMs: 1000, labels: {} } },
      sparkplug: {
        hostId: "press-hall-1",
        reorderTimeoutMs: 2000,
        rebirthIntervalMs: 10_000,
        payloadBytesMax: 2 ** 20,
      },
      uplink: {
        url: "mqtt://central.example:1884",
        kafka: null,
        username: "press-hall-1",
        password: null,
        ca: null,
        cert: null,
        key: null,
        paths: { passwordFile: null, ca: null, cert: null, key: null },
        backfillBytesPerSecond: 1_000_000,
        inFlightBatchesMax: 128,
      },
      outbox: { bytesMax: 2 ** 30, freeBytesMin: 2 ** 28, retainAckedMs: 86_400_000 },
      limits: {
        maxFutureMs: 5000,
        payloadBytesMax: 65_536,
        seriesPerMetricMax: 10_000,
        outOfOrdernessMs: 5000,
        idleTimeoutMs: 30_000,
        dedupeHorizonMs: 600_000,
        dedupeKeysMax: 1_000_000,
        forgetSilentAfterMs: 86_400_000,
        heldReadingsMax: 1_000_000,
        actionMaxAgeMs: 5000,
        clockFloorMs: Date.UTC(2024, 0, 1),
      },
      recorder: null,
      commit: { liveIntervalMs: 250, checkpointIntervalMs: 1000, ackIntervalMs: 30 },
      http: { host: "127.0.0.1", port: 9464, allowedHosts: [] },
      logLevel: "info",
    },
  });
});

test("secrets from files and variables, relative to the file", () => {
  const path = join(folder, "secrets.yaml");
  writeFileSync(join(folder, "uplink.password"), "s3cret\n");
  writeFileSync(join(folder, "ca.pem"), TEST_CERTIFICATES.authority);
  writeFileSync(
    path,
    `version: 1
agent: a
site: b
data: /var/lib/millrace
inputs:
  broker: { port: "\${PORT}", users: [{ user: press, password: "\${PRESS}" }], payloadBytesMax: 1MiB }
  mqtt: { url: mqtts://broker.example }
uplink: { url: mqtts://central.example, passwordFile: uplink.password, ca: ./ca.pem }
`,
  );
  const { config } = loadAgentConfig(path, { env: { PORT: "2883", PRESS: "12345" } });
  expect(config.dataFolder).toBe("/var/lib/millrace");
  expect(config.inputs.broker).toEqual({
    host: "127.0.0.1",
    port: 2883,
    users: [{ user: "press", password: "12345", publish: ["#"], subscribe: ["#"] }],
    tls: null,
    clientsMax: 1000,
    connectsPerSecondMax: 500,
    retainedMax: 10_000,
    sessionsMax: 1000,
    sessionExpiryMs: 7 * 86_400_000,
    sessionQueueMax: 1_000,
    sessionQueueBytesMax: 1_048_576,
    mustTakeCommands: false,
    payloadBytesMax: 2 ** 20,
  });
  expect(config.inputs.mqtt).toEqual({
    url: "mqtts://broker.example",
    clientId: "millrace-a",
    username: null,
    password: null,
    protocolVersion: 4,
    ca: null,
    cert: null,
    key: null,
    sharedGroup: null,
    mustTakeCommands: false,
  });
  expect(config.uplink).toMatchObject({ password: "s3cret", ca: TEST_CERTIFICATES.authority, username: "a" });
});

test("certificates of sensors and for the site's broker are read, and belong together", () => {
  const path = join(folder, "tls.yaml");
  const { authority, serverCertificate: cert, serverKey: key } = TEST_CERTIFICATES;
  for (const [name, text] of Object.entries({ cert, key, authority }))
    writeFileSync(join(folder, `${name}.pem`), text);
  const text = (mqtt: string) => `version: 1
agent: a
site: b
inputs:
  broker:
    tls: { cert: cert.pem, key: key.pem, ca: authority.pem }
    users: [{ user: press, publish: [f/press/#], subscribe: [] }]
  mqtt: { ${mqtt} }
uplink: { url: mqtts://central.example }
`;
  writeFileSync(
    path,
    text("url: mqtts://broker.example, protocol: '5', cert: cert.pem, key: key.pem, sharedGroup: g"),
  );
  expect(loadAgentConfig(path).config.inputs).toMatchObject({
    broker: {
      tls: { cert, key, ca: authority },
      users: [{ user: "press", password: null, publish: ["f/press/#"], subscribe: [] }],
    },
    mqtt: { protocolVersion: 5, ca: null, cert, key, sharedGroup: "g" },
  });
  writeFileSync(
    path,
    text("url: mqtt://broker.example, cert: cert.pem").replace("[f/press/#]", "[f/#/press]"),
  );
  expect(() => loadAgentConfig(path)).toThrow(/7:\d+: .*topic filter/);
  writeFileSync(path, text("url: mqtt://broker.example, cert: cert.pem"));
  expect(() => loadAgentConfig(path)).toThrow(
    /8:\d+: inputs.mqtt has one of cert and key[^]*needs an encrypted/,
  );
});

test("an empty password file and a data folder that is a file are refused", () => {
  const path = join(folder, "unusable.yaml");
  writeFileSync(join(folder, "empty.password"), "\nsecret\n");
  writeFileSync(join(folder, "file"), "");
  writeFileSync(
    path,
    `${MINIMAL.replace("1884 }", "1884, passwordFile: empty.password }")}data: file/data\n`,
  );
  expect.assertions(1);
  try {
    loadAgentConfig(path);
  } catch (error) {
    expect(error instanceof ConfigError ? error.problems.map(formatProblem) : error).toEqual([
      `${path}:5:59: uplink.passwordFile names ${join(folder, "empty.password")}: its first line is empty; the password must be there`,
      `${path}:6:7: data names ${join(folder, "file", "data")}: ${join(folder, "file")} is a file; name a folder`,
    ]);
  }
});

test("an open broker without users is a warning", () => {
  const text = MINIMAL.replace("host: {}", "broker: { host: 0.0.0.0 }");
  const { warnings } = loadAgentConfig("a.yaml", { readFile: () => text });
  expect(warnings.map(formatProblem)).toEqual([
    "a.yaml:4:27: the broker is open to the whole network (0.0.0.0) without users; list users, or set host: 127.0.0.1",
  ]);
});

test.each<[string, string, string[]]>([
  [
    "no inputs",
    MINIMAL.replace("host: {}", ""),
    ["4:1: inputs is empty; it must have at least one of broker, mqtt, http, files, host"],
  ],
  [
    "host sensors of another site, which nobody would see",
    MINIMAL.replace("host: {}", "host: { labels: { site: other } }"),
    ["4:35: inputs.host.labels.site is other, the agent's site is alpha; leave it out"],
  ],
  [
    "a bad agent name",
    MINIMAL.replace("press-hall-1", "press/1"),
    [
      '2:8: agent is "press/1"; it must be 1 to 64 letters, digits, dots, underscores and hyphens, other than . and ..',
    ],
  ],
  [
    "a bad url",
    MINIMAL.replace("mqtt:", "http:"),
    ['5:16: uplink.url is "http://central.example:1884"; it must be mqtt://host:port or mqtts://host:port'],
  ],
  [
    "a password in an address",
    MINIMAL.replace("mqtt://", "mqtt://press:s3cr@t/@"),
    [
      '5:16: uplink.url is "mqtt://…@central.example:1884"; it must be mqtt://host:port or mqtts://host:port: a name and a password are no part of it, they go into username and password (or passwordFile)',
    ],
  ],
  [
    "a port in quotes",
    `${MINIMAL}http: { port: "9464" }\n`,
    [
      '6:15: http.port is "9464", in quotes and so text; it must be a port from 1 to 65535, or 0 for any free one: leave out the quotes',
    ],
  ],
  ["a key twice", `${MINIMAL}site: beta\n`, ['6:1: the key "site" is there twice; keep one']],
  [
    "broker and status page on one port",
    MINIMAL.replace("host: {}", "broker: { host: 0.0.0.0, port: 9464, users: [{ user: u, password: p }] }"),
    ["1:1: http.port is 9464, and so is inputs.broker.port; give each its own"],
  ],
  [
    "a port out of range",
    `${MINIMAL}http: { port: 70000 }\n`,
    ["6:15: http.port is 70000; it must be a port from 1 to 65535, or 0 for any free one"],
  ],
  [
    "a size that is none",
    `${MINIMAL}outbox: { bytesMax: lots }\n`,
    ['6:21: outbox.bytesMax is "lots"; it must be bytes from 1MiB to 1TiB, such as 65536, 64KiB or 1GiB'],
  ],
  [
    "a size out of range",
    `${MINIMAL}outbox: { bytesMax: 1KiB }\n`,
    ['6:21: outbox.bytesMax is "1KiB"; it must be bytes from 1MiB to 1TiB, such as 65536, 64KiB or 1GiB'],
  ],
  [
    "a level mistyped",
    `${MINIMAL}log: { level: warning }\n`,
    ['6:15: log.level is "warning"; did you mean warn? It must be one of debug, info, warn, error'],
  ],
  [
    "a date that is none",
    `${MINIMAL}limits: { clockFloor: 2024-13-01 }\n`,
    ['6:23: limits.clockFloor is "2024-13-01"; it must be a date such as 2024-01-01 or 2024-01-01T06:00:00Z'],
  ],
  [
    "no way to central",
    MINIMAL.replace("url: mqtt://central.example:1884", "backfillBytesPerSecond: 1MB"),
    ["5:1: uplink has neither url nor kafka; give one of them"],
  ],
  [
    "two ways to central",
    MINIMAL.replace("1884 }", '1884, kafka: { brokers: ["k1:9092"] } }'),
    ["5:1: uplink has both url and kafka; give one of them"],
  ],
  [
    "brokers without a port, or one that is none, and a topic that is none",
    MINIMAL.replace(
      "url: mqtt://central.example:1884",
      'kafka: { brokers: [k1, "k2:99999", "k3:0"], topic: "a/b" }',
    ),
    [
      '5:30: uplink.kafka.brokers[0] is "k1"; it must be host:port of a Kafka broker',
      '5:34: uplink.kafka.brokers[1] is "k2:99999"; it must be host:port of a Kafka broker',
      '5:46: uplink.kafka.brokers[2] is "k3:0"; it must be host:port of a Kafka broker',
      '5:62: uplink.kafka.topic is "a/b"; it must be 1 to 249 letters, digits, dots, underscores and hyphens, other than . and ..',
    ],
  ],
  [
    "a Kafka login without password, half a certificate, and what belongs to MQTT",
    MINIMAL.replace(
      "url: mqtt://central.example:1884",
      'kafka: { brokers: ["k1:9092"], sasl: { mechanism: SCRAM-SHA-256, username: u }, tls: { cert: x } }, password: "p"',
    ),
    [
      "5:48: uplink.kafka.sasl has no password; give password or passwordFile",
      "5:96: uplink.kafka.tls has one of cert and key; give both, or neither",
      "5:111: uplink.password belongs to uplink.url; see uplink.kafka.tls and sasl",
    ],
  ],
  [
    "an authority without TLS",
    MINIMAL.replace("1884 }", "1884, ca: x }"),
    ["5:45: uplink.ca needs an encrypted connection; write uplink.url as mqtts://…"],
  ],
  [
    "a user without password",
    MINIMAL.replace("host: {}", "broker: { users: [{ user: u }] }"),
    [
      "4:29: user u has no password; give password or passwordFile, or inputs.broker.tls.ca and a certificate",
    ],
  ],
])("%s", (_name, text, expected) => {
  expect(problems(text)).toEqual(expected);
});

test("a secret never stands in a message", () => {
  const text = MINIMAL.replace("1884 }", "1884, password: 90210 }");
  expect(problems(text)).toEqual(["5:55: uplink.password is a number; it must be text: put it in quotes"]);
});

test("an empty password is said to be empty", () => {
  expect(problems(MINIMAL.replace("1884 }", '1884, password: "" }'))).toEqual([
    "5:45: uplink.password is empty; it must be text",
  ]);
});

test("a secret's file that is missing is named", () => {
  const path = join(folder, "missing.yaml");
  writeFileSync(path, MINIMAL.replace("1884 }", "1884, passwordFile: gone }"));
  expect(() => loadAgentConfig(path)).toThrow(
    `${path}:5:59: uplink.passwordFile names ${join(folder, "gone")}: there is no such file; relative paths begin at this file's folder`,
  );
});

test("a user of the broker stands once", () => {
  const users = "[{ user: u, password: p }, { user: v, password: p }, { user: u, password: q }]";
  expect(problems(MINIMAL.replace("host: {}", `broker: { users: ${users} }`))).toEqual([
    "4:89: user u stands twice; list each once",
  ]);
});

const withInputs = (inputs: string): string => MINIMAL.replace("inputs: { host: {} }", `inputs:\n${inputs}`);

test("the HTTP input: one secret a user, ports of its own, certificates read", () => {
  const text = withInputs(`  broker: { port: 1884 }
  http:
    host: 0.0.0.0
    port: 1884
    users:
      - { user: a, token: t, password: p }
      - { user: b }
    tls: { cert: cert.pem, key: key.pem }
`);
  expect(problems(text)).toEqual([
    "8:11: inputs.http.port is 1884, and so is inputs.broker.port; give each its own",
    "10:9: user a has both a password and a token; give one of password, passwordFile, token, tokenFile",
    "11:9: user b has neither a password nor a token; give one of password, passwordFile, token, tokenFile",
  ]);
  const good = withInputs("  http: { users: [{ user: a, tokenFile: a.token }], tls: { cert: c, key: k } }\n");
  const { serverCertificate: cert, serverKey: key } = TEST_CERTIFICATES;
  const files: Readonly<Record<string, string>> = {
    "/m/a.yaml": good,
    "/m/a.token": "secret\nrest",
    "/m/c": cert,
    "/m/k": key,
  };
  const readFile = (path: string) => files[path] ?? "";
  expect(loadAgentConfig("/m/a.yaml", { env: {}, readFile }).config.inputs.http).toEqual({
    host: "127.0.0.1",
    port: 8186,
    users: [{ user: "a", password: null, token: "secret" }],
    tls: { cert, key },
    clientsMax: 256,
    requestsMax: 32,
    requestsPerClientMax: 8,
    bodyBytesMax: 2 * 1024 * 1024,
  });
});

test("an open HTTP input without users, or without encryption, is a warning", () => {
  const warnings = (more: string): string[] =>
    loadAgentConfig("a.yaml", {
      env: {},
      readFile: () => withInputs(`  http: { host: 0.0.0.0${more} }\n`),
    }).warnings.map(formatProblem);
  expect(warnings("")).toEqual([
    "a.yaml:5:17: anybody in the network (0.0.0.0) may post readings; list users, or set host: 127.0.0.1",
  ]);
  expect(warnings(", users: [{ user: a, token: t }]")).toEqual([
    "a.yaml:5:17: passwords and tokens cross the network (0.0.0.0) unencrypted; give inputs.http.tls, or set host: 127.0.0.1",
  ]);
});

test("files to tail: mistakes in path, topic and pattern are named at their place", () => {
  const text = withInputs(`  files:
    - { path: logs/*/x.log, topic: a }
    - { path: x.log, topic: "a/{machine}" }
    - { path: x.log, topic: "a/+" }
    - { path: y.log, topic: a, format: pattern }
    - { path: z.log, topic: a, format: pattern, pattern: "([0-9]+)" }
    - { path: v.log, topic: a, format: pattern, pattern: "(?<value>" }
    - { path: w.log, topic: a, pattern: "(?<value>.)" }
`);
  expect(problems(text).map((problem) => problem.slice(0, 75))).toEqual([
    "6:15: path is logs/*/x.log: only its last part, x.log, may have * and ?; list one pat".slice(0, 75),
    "7:29: topic has {machine}; only {file} is known here",
    "8:15: x.log is listed twice; list it once",
    "8:29: topic is no topic: a template names its levels: write {name} instead of + or #".slice(0, 75),
    "9:40: format pattern needs a pattern",
    "10:58: pattern has no named group; name the fields: (?<value>…)",
    "11:58: pattern is no regular expression: Invalid regular expression: /(?<value>/u: Unterm".slice(0, 75),
    "12:32: pattern belongs to format: pattern, and format is lines; remove one",
  ]);
  const good = withInputs('  files: [{ path: "x-?.log", topic: "a/{file}" }]\n');
  const [file] = loadAgentConfig("/m/a.yaml", { env: {}, readFile: () => good }).config.inputs.files;
  expect(file).toMatchObject({
    path: "/m/x-?.log",
    format: { kind: "lines" },
    start: "beginning",
    intervalMs: 1000,
  });
});
