// central.yaml: defaults resolved, identities unique and with secrets, TLS files read.
import { TEST_CERTIFICATES } from "@millrace/testkit";
import { expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadCentralConfig } from "./load-central-config.ts";
import { formatProblem } from "./problem.ts";

function load(files: Record<string, string>) {
  const readFile = (path: string): string => {
    if (!Object.hasOwn(files, path)) throw new Error(`no ${path}`);
    return files[path];
  };
  return loadCentralConfig("/etc/millrace/central.yaml", { env: {}, readFile });
}

const TOKEN_HASH = `sha256:${"0".repeat(64)}`;
const PASSWORD_HASH = `scrypt:32768:8:1:${"A".repeat(22)}:${"A".repeat(43)}`;

test("defaults", () => {
  expect(load({ "/etc/millrace/central.yaml": "version: 1\n" }).config).toEqual({
    path: "/etc/millrace/central.yaml",
    dataFolder: "/etc/millrace/data",
    pipelinePath: "/etc/millrace/pipeline.yaml",
    intake: { mqtt: { host: "127.0.0.1", port: 1884, tls: null }, broker: null, kafka: null },
    agents: [],
    http: {
      host: "127.0.0.1",
      port: 8080,
      allowedHosts: [],
      isControlAllowed: true,
      users: [],
      tokens: [],
      tls: null,
    },
    windows: { graceMs: 2000, retainMs: 30 * 86_400_000 },
    history: {
      "1s": { retainMs: 86_400_000, bytesMax: 2 * 2 ** 30 },
      "10s": { retainMs: 7 * 86_400_000, bytesMax: 4 * 2 ** 30 },
      "1m": { retainMs: 60 * 86_400_000, bytesMax: 8 * 2 ** 30 },
      "1h": { retainMs: 1_500 * 86_400_000, bytesMax: 4 * 2 ** 30 },
      "1d": { retainMs: 3_650 * 86_400_000, bytesMax: 2 ** 30 },
    },
    evidence: { bytesMax: 10 * 2 ** 30, retainMs: 30 * 86_400_000, unfinishedMs: 7 * 86_400_000 },
    quarantine: { bytesMax: 64 * 2 ** 20, retainMs: 30 * 86_400_000 },
    records: [],
    sinks: { redis: null, kafka: null, file: null, prometheus: null, webhook: null },
    limits: { ruleGroupsMax: 20_000 },
    silentAfterMs: 3000,
    logLevel: "info",
  });
});

test.each([
  ["allowControl: false", false],
  ["host: '::1'", true],
])("http: { %s }: anybody may change something: %s", (http, isAllowed) => {
  const { config } = load({ "/etc/millrace/central.yaml": `version: 1\nhttp: { ${http} }\n` });
  expect(config.http.isControlAllowed).toBe(isAllowed);
});

test("identities and TLS", () => {
  const { config } = load({
    "/etc/millrace/central.yaml": `version: 1
intake: { mqtt: { tls: { cert: c.pem, key: /k.pem } } }
agents: [{ id: a, site: alpha, password: x }, { id: b, site: beta, passwordFile: b.password }]
`,
    "/etc/millrace/c.pem": TEST_CERTIFICATES.serverCertificate,
    "/k.pem": TEST_CERTIFICATES.serverKey,
    "/etc/millrace/b.password": "y\r\n",
  });
  expect(config.intake.mqtt.tls).toEqual({
    cert: TEST_CERTIFICATES.serverCertificate,
    key: TEST_CERTIFICATES.serverKey,
    ca: null,
    paths: { cert: "/etc/millrace/c.pem", key: "/k.pem", ca: null },
  });
  expect(config.agents).toEqual([
    { id: "a", site: "alpha", password: "x" },
    { id: "b", site: "beta", password: "y" },
  ]);
});

test("a password file that is not there, or is empty, is one problem at its place", () => {
  expect.assertions(1);
  try {
    load({
      "/etc/millrace/central.yaml": `version: 1
agents:
  - { id: a, site: alpha, passwordFile: none }
  - { id: b, site: alpha, passwordFile: empty }
`,
      "/etc/millrace/empty": "",
    });
  } catch (error) {
    expect(error instanceof ConfigError ? error.problems.map(formatProblem) : error).toEqual([
      "/etc/millrace/central.yaml:3:41: agents[0].passwordFile names /etc/millrace/none: no /etc/millrace/none; relative paths begin at this file's folder",
      "/etc/millrace/central.yaml:4:41: agents[1].passwordFile names /etc/millrace/empty: its first line is empty; the password must be there",
    ]);
  }
});

test("what other machines reach without encryption or login is a warning, two listeners on one port a problem", () => {
  const { warnings } = load({
    "/etc/millrace/central.yaml": `version: 1
intake: { mqtt: { host: 0.0.0.0 } }
http: { host: 0.0.0.0, tokens: [{ name: grafana, tokenHash: "${TOKEN_HASH}" }] }
`,
  });
  expect(warnings.map(formatProblem)).toEqual([
    "/etc/millrace/central.yaml:2:25: agents' passwords and data cross the network (0.0.0.0) unencrypted; give intake.mqtt.tls, or set host: 127.0.0.1",
    "/etc/millrace/central.yaml:3:15: passwords and tokens cross the network (0.0.0.0) unencrypted; give http.tls, or set host: 127.0.0.1 and put a proxy with TLS before it",
  ]);
  expect(() => load({ "/etc/millrace/central.yaml": "version: 1\nhttp: { port: 1884 }\n" })).toThrow(
    "http.port is 1884, and so is intake.mqtt.port",
  );
});

test("a coarser level of the history is kept no shorter than a finer one", () => {
  const file = 'version: 1\nhistory: { "10s": { retain: 90d }, "1m": { retain: 60d, bytesMax: 1GiB } }\n';
  expect(() => load({ "/etc/millrace/central.yaml": file })).toThrow(
    "central.yaml:2:52: history.1m.retain is 60d, shorter than that of 10s (90d): zooming out would show less; raise it to 90d, or lower history.10s.retain",
  );
});

test.each(["0.0.0.0", "plant.local", "'::'"])(
  "dashboard and API at %s without users and tokens are refused",
  (host) => {
    expect(() => load({ "/etc/millrace/central.yaml": `version: 1\nhttp: { host: ${host} }\n` })).toThrow(
      /central\.yaml:2:15: everybody in the network \(.+\) could use dashboard and API; list http\.users or http\.tokens/,
    );
  },
);

test("users and tokens, by their hashes and roles; names are unique over both", () => {
  const { config } = load({
    "/etc/millrace/central.yaml": `version: 1
http:
  users: [{ user: alice, passwordHash: "${PASSWORD_HASH}", role: operate }]
  tokens: [{ name: grafana, tokenHash: "${TOKEN_HASH}" }]
`,
  });
  expect(config.http).toMatchObject({
    users: [{ user: "alice", hash: PASSWORD_HASH, role: "operate" }],
    tokens: [{ name: "grafana", hash: "0".repeat(64), role: "read" }],
  });
  for (const [http, complaint] of [
    [`tokens: [{ name: a, tokenHash: plain }]`, "what `millrace-central token` prints"],
    [`users: [{ user: a, passwordHash: secret }]`, "what `millrace-central user` prints"],
    [
      `tokens: [{ name: a, tokenHash: "${TOKEN_HASH}" }, { name: a, tokenHash: "${TOKEN_HASH}" }]`,
      "a is listed twice",
    ],
  ] as const)
    expect(() => load({ "/etc/millrace/central.yaml": `version: 1\nhttp: { ${http} }\n` })).toThrow(
      complaint,
    );
});

test("two streams of records in one consumer group of the same brokers are a problem: each would lack partitions", () => {
  const streams = (second: string) => `version: 1
records:
  orders: { kafka: { brokers: ["k-1:9092"], topic: orders, group: millrace } }
  payments: { kafka: { ${second} } }
`;
  const one = {
    "/etc/millrace/central.yaml": streams('brokers: ["k-1:9092"], topic: payments, group: millrace'),
  };
  expect(() => load(one)).toThrow(
    "central.yaml:4:71: records.payments.kafka.group is millrace, and so is records.orders.kafka.group",
  );
  for (const right of [
    'brokers: ["k-1:9092"], topic: payments, group: other',
    'brokers: ["k-1:9092"], topic: payments',
    'brokers: ["other:9092"], topic: payments, group: millrace',
  ])
    expect(load({ "/etc/millrace/central.yaml": streams(right) }).config.records).toHaveLength(2);
});

test("identities twice, without secret, with two", () => {
  expect.assertions(1);
  try {
    load({
      "/etc/millrace/central.yaml": `version: 1
agents:
  - { id: a, site: alpha, password: x }
  - { id: a, site: alpha }
  - { id: b, site: alpha, password: x, passwordFile: f }
`,
      "/etc/millrace/f": "y",
    });
  } catch (error) {
    expect(error instanceof ConfigError ? error.problems.map(formatProblem) : error).toEqual([
      "/etc/millrace/central.yaml:4:5: agent a has no password; give password or passwordFile, or intake.mqtt.tls.ca and a certificate",
      "/etc/millrace/central.yaml:4:11: agent a is listed twice; names are unique",
      "/etc/millrace/central.yaml:5:40: agents[2] has both password and passwordFile; keep one",
    ]);
  }
});

test("the Redis sink: its secrets and certificates read, its defaults, and what does not fit together", () => {
  const files = {
    "/etc/millrace/redis.password": "secret\n",
    "/etc/millrace/ca.pem": TEST_CERTIFICATES.authority,
  };
  const { config } = load({
    ...files,
    "/etc/millrace/central.yaml": `version: 1
sinks: { redis: { url: "rediss://redis.example:6380/2", username: central, passwordFile: redis.password, tls: { ca: ca.pem }, windows: [orders_1m] } }
`,
  });
  expect(config.sinks.redis).toEqual({
    url: "rediss://redis.example:6380/2",
    username: "central",
    password: "secret",
    tls: { ca: TEST_CERTIFICATES.authority, cert: null, key: null },
    prefix: "order_monitor",
    retentionMs: 86_400_000,
    windows: ["orders_1m"],
  });
  const wrong = (redis: string) => {
    try {
      const { warnings } = load({
        ...files,
        "/etc/millrace/central.yaml": `version: 1\nsinks: { redis: { ${redis} } }\n`,
      });
      return warnings.map(({ message }) => message);
    } catch (error) {
      return error instanceof ConfigError ? error.problems.map(({ message }) => message) : error;
    }
  };
  expect(wrong("url: 'redis://a:b@host:6379'")).toEqual([
    expect.stringContaining("redis://host:port or rediss://host:port"),
  ]);
  expect(wrong("url: 'redis://host:6379', tls: { ca: ca.pem }")).toEqual([
    expect.stringContaining("let the url begin with rediss://"),
  ]);
  expect(wrong("url: 'redis://host:6379', username: central")).toEqual([
    expect.stringContaining("no password"),
  ]);
  expect(wrong("url: 'redis://host:6379', passwordFile: redis.password")).toEqual([
    expect.stringContaining("unencrypted"),
  ]);
  expect(wrong("url: 'redis://127.0.0.1:6379', passwordFile: redis.password")).toEqual([]);
  expect(wrong("url: 'redis://127.0.0.1', prefix: '{region}'")).toEqual([
    expect.stringContaining("{window} in it"),
  ]);
});

test("a broker of another machine may have the port of central's own listener", () => {
  const lines = "intake: { mqtt: { host: 0.0.0.0 }, broker: { url: mqtts://broker.example:1884 } }";
  const { config } = load({ "/etc/millrace/central.yaml": `version: 1\n${lines}\n` });
  expect(config.intake.broker?.url).toBe("mqtts://broker.example:1884");
});

test("a broker of others and a Kafka log: secrets are read, and agents need no password of central's", () => {
  const { config, warnings } = load({
    "/etc/millrace/central.yaml": `version: 1
intake:
  broker: { url: mqtt://broker.example, username: central, password: a }
  kafka: { brokers: [k:9092], sasl: { mechanism: SCRAM-SHA-512, username: central, passwordFile: ./k } }
agents: [{ id: a-1, site: a }]
`,
    "/etc/millrace/k": "b\n",
  });
  expect(config.intake.broker).toEqual({
    url: "mqtt://broker.example",
    group: "millrace",
    clientId: "millrace-central",
    username: "central",
    password: "a",
    ca: null,
    cert: null,
    key: null,
  });
  expect(config.intake.kafka).toMatchObject({
    topic: "millrace.panes.v1",
    clientId: "millrace-central",
    sasl: { password: "b" },
  });
  expect(config.agents).toEqual([{ id: "a-1", site: "a", password: null }]);
  expect(warnings.map(formatProblem)).toEqual([
    "/etc/millrace/central.yaml:3:18: central's password and agents' data cross the network (mqtt://broker.example) unencrypted; let the url begin with mqtts://",
  ]);
});

test.each([
  [
    "intake: { kafka: { brokers: [k:9092], topic: millrace.windows.v1 } }\nsinks: { kafka: { brokers: [k:9092] } }",
    "2:46: intake.kafka.topic is millrace.windows.v1, and so is sinks.kafka.windowsTopic; give each its own",
  ],
  [
    "intake: { kafka: { brokers: [k:9092] } }\nrecords: { r: { kafka: { brokers: [k:9092], topic: millrace.panes.v1 } } }",
    "3:52: records.r.kafka.topic is millrace.panes.v1, and so is intake.kafka.topic, so that central would read as records what it writes there; give each its own",
  ],
  [
    "records: { r: { kafka: { brokers: [k:9092], topic: orders } } }\nsinks: { kafka: { brokers: [k:9092], windowsTopic: orders } }",
    "3:52: sinks.kafka.windowsTopic is orders, and so is records.r.kafka.topic, so that central would read as records what it writes there; give each its own",
  ],
  [
    "records: { r: { kafka: { brokers: [k:9092], topic: millrace.alarms.v1 } } }\nsinks: { kafka: { brokers: [k:9092] } }",
    "2:52: records.r.kafka.topic is millrace.alarms.v1, and so is sinks.kafka.alarmsTopic, so that",
  ],
  [
    "sinks: { kafka: { brokers: [k:9092], windowsTopic: same, alarmsTopic: same } }",
    "2:71: sinks.kafka.alarmsTopic is same, and so is sinks.kafka.windowsTopic; give each its own",
  ],
  [
    "sinks: { kafka: { brokers: [k:9092], windowsTopic: millrace.alarms.v1 } }",
    "2:52: sinks.kafka.windowsTopic is millrace.alarms.v1, and so is sinks.kafka.alarmsTopic; give each its own",
  ],
  [
    "history: { 1s: { retain: 30d } }",
    "2:26: history.10s.retain is 7d, shorter than that of 1s (30d): zooming out would show less; raise it to 30d, or lower history.1s.retain",
  ],
  [
    "records: { r: { kafka: { brokers: [], topic: '..' } } }",
    "2:35: records.r.kafka.brokers is an empty list; it must have entries, and each must be host:port of a Kafka broker",
  ],
  [
    "records: { r: { kafka: { brokers: [k:9092], topic: '..' } } }",
    'records.r.kafka.topic is ".."; it must be 1 to 249 letters, digits, dots, underscores and hyphens, other than . and ..',
  ],
  ["log: debug", '2:6: log is "debug"; it must be a map with the key level'],
  ["intake: { kafka: { broker: [k:9092] } }", "broker"],
  [
    "intake: { broker: { url: mqtts://b, cert: ./c } }",
    "2:11: intake.broker has one of cert and key; give both, or neither",
  ],
  ["intake: { broker: { url: http://b } }", "2:26"],
  [
    "intake: { broker: { url: mqtt://localhost:1884 } }",
    "2:26: intake.broker.url is mqtt://localhost:1884, central's own listener (intake.mqtt); name the broker that agents connect to, or leave intake.broker out",
  ],
  [
    "intake: { mqtt: { host: 0.0.0.0, port: 8883 }, broker: { url: mqtts://127.0.0.1 } }",
    "2:63: intake.broker.url is mqtts://127.0.0.1, central's own listener",
  ],
  ["intake: { mqtt: { host: 10.0.0.7 }, broker: { url: mqtt://10.0.0.7:1884 } }", "central's own listener"],
  [
    "intake: { broker: { url: mqtts://b, passwordFile: ./c } }",
    "2:37: intake.broker has a passwordFile and no username; give username, or leave the password out",
  ],
  ["agents: [{ id: .., site: a, password: b }]", "2:16"],
  ["agents: [{ id: a-1, site: ., password: b }]", "2:27"],
])("%s is refused", (lines, problem) => {
  const file = {
    "/etc/millrace/central.yaml": `version: 1\n${lines}\n`,
    "/etc/millrace/c": TEST_CERTIFICATES.serverCertificate,
  };
  expect(() => load(file)).toThrow(problem);
});
