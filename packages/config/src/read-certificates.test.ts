// Certificates that a configuration names: what TLS could not use is refused at its place, what is out of date is a warning.
import { TEST_CERTIFICATES } from "@millrace/testkit";
import { expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadAgentConfig } from "./load-agent-config.ts";
import { loadCentralConfig } from "./load-central-config.ts";
import { formatProblem } from "./problem.ts";

const { authority, agentCertificate, agentKey, serverCertificate, serverKey } = TEST_CERTIFICATES;
const FILES: Readonly<Record<string, string>> = {
  "/m/ca.crt": authority,
  "/m/own.crt": serverCertificate,
  "/m/own.key": serverKey,
  "/m/other.key": agentKey,
  "/m/junk": "junk\n",
  "/m/empty": "",
  "/m/torn.crt": agentCertificate.slice(0, 200),
};
const NOW_MS = Date.UTC(2027, 0, 1);

type Load = typeof loadAgentConfig | typeof loadCentralConfig;

function said(load: Load, text: string, nowMs = NOW_MS): string[] {
  const readFile = (path: string) => {
    const found = path === "/m/a.yaml" ? text : FILES[path];
    if (found === undefined) throw new Error("away");
    return found;
  };
  try {
    return load("/m/a.yaml", { env: {}, readFile, nowMs }).warnings.map(formatProblem);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => `refused: ${formatProblem(problem)}`);
  }
}

const agent = (inputs: string) =>
  `version: 1\nagent: a\nsite: s\nuplink: { url: "mqtt://c" }\ninputs: { ${inputs} }\n`;
const broker = (tls: string) => [loadAgentConfig, agent(`broker: { tls: { ${tls} } }`)] as const;
const intake = (tls: string) =>
  [loadCentralConfig, `version: 1\nintake: { mqtt: { tls: { ${tls} } } }\n`] as const;
const central = (line: string) => [loadCentralConfig, `version: 1\n${line}\n`] as const;

test.each([
  ["a broker input", broker("cert: own.crt, key: other.key"), "5:34: inputs.broker.tls.cert"],
  [
    "an HTTP input",
    [loadAgentConfig, agent("http: { tls: { cert: own.crt, key: other.key } }")] as const,
    "5:32: inputs.http.tls.cert",
  ],
  [
    "a site's broker",
    [loadAgentConfig, agent('mqtt: { url: "mqtts://b", cert: own.crt, key: other.key }')] as const,
    "5:43: inputs.mqtt.cert",
  ],
  ["central's intake", intake("cert: own.crt, key: other.key"), "2:32: intake.mqtt.tls.cert"],
  ["central's API", central("http: { tls: { cert: own.crt, key: other.key } }"), "2:22: http.tls.cert"],
  [
    "a broker of others",
    central('intake: { broker: { url: "mqtts://b", cert: own.crt, key: other.key } }'),
    "2:45: intake.broker.cert",
  ],
  [
    "a webhook",
    central('sinks: { webhook: { url: "https://h/", tls: { cert: own.crt, key: other.key } } }'),
    "2:53: sinks.webhook.tls.cert",
  ],
])("a key of another certificate passed the check, and ended the start: %s", (_of, [load, text], place) => {
  expect(said(load, text)).toEqual([
    `refused: /m/a.yaml:${place}: /m/own.crt does not fit its key /m/other.key; put the two there that were issued together`,
  ]);
});

test.each([
  [intake("cert: junk, key: own.key"), "intake.mqtt.tls.cert: /m/junk holds no certificate (PEM)"],
  [intake("cert: torn.crt, key: own.key"), "intake.mqtt.tls.cert: /m/torn.crt holds no certificate (PEM)"],
  [intake("cert: own.crt, key: junk"), "intake.mqtt.tls.key: /m/junk holds no private key (PEM)"],
  [intake("cert: own.crt, key: empty"), "intake.mqtt.tls.key: /m/empty holds no private key (PEM)"],
  [broker("cert: empty, key: own.key"), "inputs.broker.tls.cert: /m/empty holds no certificate (PEM)"],
  [intake("cert: own.crt, key: own.key, ca: junk"), "intake.mqtt.tls.ca: /m/junk holds no certificate (PEM)"],
  [
    central('sinks: { redis: { url: "rediss://r", tls: { ca: junk } } }'),
    "sinks.redis.tls.ca: /m/junk holds no certificate (PEM)",
  ],
  [
    central("sinks: { kafka: { brokers: [k:9092], tls: { ca: junk } } }"),
    "sinks.kafka.tls.ca: /m/junk holds no certificate (PEM)",
  ],
  [central("http: { tls: { cert: away, key: own.key } }"), "http.tls.cert names /m/away: away"],
])("a file that holds no certificate, or no key, was taken without a word: %s", ([load, text], problem) => {
  expect(said(load, text)).toEqual([expect.stringContaining(problem)]);
});

test("a certificate that has expired, or is not valid yet, was taken without a word", () => {
  const [load, text] = intake("cert: own.crt, key: own.key");
  expect(said(load, text)).toEqual([]);
  expect(said(load, text, Date.UTC(2127, 0, 1))).toEqual([
    "/m/a.yaml:2:32: intake.mqtt.tls.cert: /m/own.crt has expired at 2126-10-30T23:54:51.000Z, and whoever is shown it refuses it; renew it",
  ]);
  expect(said(load, text, Date.UTC(1980, 0, 1))).toEqual([
    "/m/a.yaml:2:32: intake.mqtt.tls.cert: /m/own.crt is not valid before 2026-11-23T23:54:51.000Z, and whoever is shown it refuses it until then; compare this machine's clock",
  ]);
});

test("an uplink whose certificate cannot be used keeps no agent from its start", () => {
  const load = (uplink: string) => {
    const text = agent("host: {}").replace(/uplink: .*/, `uplink: { ${uplink} }`);
    const readFile = (path: string) => (path === "/m/a.yaml" ? text : (FILES[path] ?? ""));
    return loadAgentConfig("/m/a.yaml", { env: {}, readFile, nowMs: NOW_MS });
  };
  const { uplinkProblems, config } = load('url: "mqtts://c", cert: own.crt, key: other.key, ca: ca.crt');
  expect(uplinkProblems.map(formatProblem)).toEqual([
    expect.stringContaining("4:35: uplink.cert: /m/own.crt does not fit its key /m/other.key"),
  ]);
  expect(config.uplink).toMatchObject({ cert: serverCertificate, key: agentKey, ca: authority });
  const overKafka = load('kafka: { brokers: ["k:9092"], tls: { ca: ca.crt, cert: own.crt, key: empty } }');
  expect(overKafka.uplinkProblems.map(formatProblem)).toEqual([
    expect.stringContaining("uplink.kafka.tls.key: /m/empty holds no private key (PEM)"),
  ]);
  expect(overKafka.config.uplink).toMatchObject({
    paths: { cert: "/m/own.crt", key: "/m/empty", ca: "/m/ca.crt" },
  });
});
