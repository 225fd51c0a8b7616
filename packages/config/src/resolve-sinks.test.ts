// The sinks of central.yaml: their defaults, secrets read, and what does not fit together.
import { TEST_CERTIFICATES } from "@millrace/testkit";
import { expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadCentralConfig } from "./load-central-config.ts";

const FILES: Readonly<Record<string, string>> = {
  "/etc/millrace/token": "Bearer secret\n",
  "/etc/millrace/password": "right\n",
  "/etc/millrace/odd": "Bearer 北京\n",
  "/etc/millrace/ca.pem": TEST_CERTIFICATES.authority,
};

function load(sinks: string) {
  const readFile = (path: string): string => {
    if (path.endsWith("central.yaml")) return `version: 1\nsinks: { ${sinks} }\n`;
    if (!Object.hasOwn(FILES, path)) throw new Error(`no ${path}`);
    return FILES[path];
  };
  return loadCentralConfig("/etc/millrace/central.yaml", { env: {}, readFile });
}

test("Kafka: defaults, and all of it", () => {
  expect(load("kafka: { brokers: ['k1:9092'] }").config.sinks.kafka).toEqual({
    connection: { brokers: ["k1:9092"], clientId: "millrace-central", tls: null, sasl: null },
    windows: null,
    hasProvisional: true,
    hasAlarms: true,
    windowsTopic: "millrace.windows.v1",
    alarmsTopic: "millrace.alarms.v1",
    partitions: 4,
    replicas: null,
    retentionMs: 7 * 86_400_000,
  });
  const { kafka } = load(
    "kafka: { brokers: ['k1:9093'], tls: { ca: ca.pem }, sasl: { mechanism: PLAIN, username: central, passwordFile: password }, provisional: false, alarms: false, windows: [w], replicas: 3, retention: 1d }",
  ).config.sinks;
  expect(kafka).toMatchObject({
    connection: {
      tls: { ca: TEST_CERTIFICATES.authority, cert: null, key: null },
      sasl: { mechanism: "PLAIN", username: "central", password: "right" },
    },
    windows: ["w"],
    hasProvisional: false,
    hasAlarms: false,
    replicas: 3,
    retentionMs: 86_400_000,
  });
});

test("files: defaults, and the folder from where central.yaml is", () => {
  expect(load("file: { folder: ./results }").config.sinks.file).toEqual({
    folder: "/etc/millrace/results",
    windows: null,
    hasProvisional: true,
    hasAlarms: true,
    rotation: { bytesMax: 100 * 2 ** 20, isDaily: true, filesKept: 30 },
  });
});

test("Prometheus: defaults, and all of it", () => {
  expect(load("prometheus: {}").config.sinks.prometheus).toEqual({
    windows: null,
    hasProvisional: true,
    retentionMs: 300_000,
    seriesMax: 10_000,
  });
  const all = "prometheus: { windows: [w], provisional: false, retention: 1m, seriesMax: 100 }";
  expect(load(all).config.sinks.prometheus).toEqual({
    windows: ["w"],
    hasProvisional: false,
    retentionMs: 60_000,
    seriesMax: 100,
  });
});

test.each(["data", "./data/results", "/etc/millrace/data/", "results/../data/a/b"])(
  "files in %s, which is central's data or in it, are refused",
  (folder) => {
    expect(() => load(`file: { folder: ${folder} }`)).toThrow(
      /sinks\.file\.folder is .*in central's data folder/,
    );
  },
);

test.each(["..", ".", "data-results", "..data", "/var/lib/data"])(
  "files in %s are not in the data",
  (folder) => {
    expect(load(`file: { folder: ${folder} }`).config.sinks.file?.folder).toMatch(/^\//);
  },
);

test("webhook: the header's value from a file, certificates read", () => {
  expect(
    load(
      "webhook: { url: 'https://alerts.example/hook', header: { name: Authorization, valueFile: token }, tls: { ca: ca.pem }, dashboardUrl: 'https://millrace.example/' }",
    ).config.sinks.webhook,
  ).toEqual({
    url: "https://alerts.example/hook",
    header: { name: "Authorization", value: "Bearer secret" },
    tls: { ca: TEST_CERTIFICATES.authority, cert: null, key: null },
    timeoutMs: 10_000,
    dashboardUrl: "https://millrace.example/",
  });
});

test.each([
  ["kafka: { brokers: ['k1:9092'], alarmsTopic: millrace.windows.v1 }", "give each its own"],
  [
    "kafka: { brokers: ['k1:9092'], sasl: { mechanism: PLAIN, username: central } }",
    "sinks.kafka.sasl has no password",
  ],
  [
    "kafka: { brokers: ['k1:9092'], sasl: { mechanism: PLAIN, username: central, password: x } }",
    "give sinks.kafka.tls, or a SCRAM mechanism",
  ],
  ["kafka: { brokers: [k1] }", "host:port of a Kafka broker"],
  ["file: {}", "folder"],
  ["webhook: { url: 'ftp://host/' }", "http://host:port/path"],
  ["webhook: { url: 'http://user:secret@host/' }", "without user and password"],
  ["webhook: { url: 'http://host:99999/' }", "is no address"],
  ["redis: { url: 'redis://host:99999' }", "is no address"],
  ["redis: { url: 'redis://host:99999', password: x }", "is no address"],
  ["webhook: { url: 'http://localhost/', tls: { ca: ca.pem } }", "let the url begin with https://"],
  ["webhook: { url: 'https://host/', tls: { cert: ca.pem } }", "one of cert and key"],
  ["webhook: { url: 'https://host/', header: { name: X-Key } }", "give value or valueFile"],
  ["webhook: { url: 'https://host/', header: { name: X-Key, value: a, valueFile: token } }", "keep one"],
  ["webhook: { url: 'https://host/', header: { name: X-Key, valueFile: odd } }", "no HTTP header can have"],
  ["webhook: { url: 'http://host/', header: { name: X-Key, value: a } }", "unencrypted"],
])("%s", (sinks, said) => {
  try {
    expect(load(sinks).warnings.map(({ message }) => message)).toEqual([expect.stringContaining(said)]);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.problems.map(({ message }) => message)).toEqual([expect.stringContaining(said)]);
  }
});
