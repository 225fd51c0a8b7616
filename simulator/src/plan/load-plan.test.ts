// A plan's errors are found before anything runs, all of them, each with its place.
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadPlan, parsePlan } from "./load-plan.ts";

const SITES = `version: 1
sites:
  alpha: { broker: "mqtt://127.0.0.1:1883", lines: 1, machinesPerLine: 2 }
`;

const links = (to: string, firstPort: number): string =>
  `{ to: "${to}", firstPort: ${firstPort}, up: { least: 1s, max: 1m }, down: { least: 1s, max: 1m } }`;

test("of a number that is too great it is said once how great it may be", () => {
  const said = (): unknown => parsePlan(`${SITES}seed: 99999999999999999999\n`, "p.yaml");
  expect(said).toThrow("it must be at most 4294967295");
  expect(said).not.toThrow("9007199254740991");
});

test("the newcomer's plan loads, and flags replace seed and brokers", () => {
  const path = join(import.meta.dirname, "../../plans/newcomer.yaml");
  const plan = loadPlan(path, { seed: 9, brokers: new Map([["beta", "mqtt://127.0.0.1:7"]]) });
  expect(plan.seed).toBe(9);
  expect(plan.sites.map((site) => site.output)).toMatchObject([
    { url: "mqtt://127.0.0.1:1883" },
    { url: "mqtt://127.0.0.1:7" },
  ]);
  expect(plan.faults).toEqual([
    {
      fault: "overheating",
      number: 1,
      site: "alpha",
      line: "line-1",
      machine: "machine-2",
      atMs: 6_000,
      growthMs: 0,
      endMs: Infinity,
      targetCelsius: 160,
    },
  ]);
  expect(plan.rules).toEqual([{ rule: "overheating", metric: "temperature", above: 80, clearBelow: 75 }]);
});

test.each([
  [`${SITES}sead: 5\n`, 'p.yaml:4:1: unknown key "sead"; did you mean seed?'],
  [`${SITES}readingsPerSecond: fast\n`, "p.yaml:4:20: readingsPerSecond:"],
  [`${SITES}readingsPerSecond: -5\n`, "p.yaml:4:20: readingsPerSecond:"],
  [`${SITES}heat: { tau: soon }\n`, 'p.yaml:4:14: heat.tau: "soon" is no duration'],
  [`${SITES}heat: { tua: 1s }\n`, 'p.yaml:4:9: unknown key "tua"; did you mean tau?'],
  [
    `${SITES}signals: { temprature: {} }\n`,
    'p.yaml:4:12: unknown key "temprature"; did you mean temperature?',
  ],
  [
    `${SITES}signals: { temperature: { noise: -1 } }\n`,
    "p.yaml:4:34: signals.temperature.noise: -1; it must be at least 0",
  ],
  ["seed: 5\nhello: 1\n", "p.yaml:1:1: version: missing; it must be 1"],
  ["hello: 1\n", 'p.yaml:1:1: unknown key "hello"; there are version, seed,'],
  [`${SITES}seed: abc\n`, 'p.yaml:4:7: seed: "abc"; it must be a number'],
  [`${SITES}seed: "7"\n`, 'p.yaml:4:7: seed: "7" is text; it must be a number: leave out the quotes'],
  [`${SITES}signals: [temperature]\n`, "p.yaml:4:10: signals: a list; it must be a map"],
  [`${SITES}duty: { start: 2 }\n`, "p.yaml:4:16: duty.start: 2 is no duration; write it like 30s"],
  [
    `${SITES}delivery: { reorder: { probability: 0.1 } }\n`,
    "delivery.reorder.by: missing; it must be a duration like 30s",
  ],
  [
    `${SITES}delivery: { silence: { every: 5m } }\n`,
    "delivery.silence.for: it must be a duration like 30s, or a shortest and a longest one",
  ],
  [
    'version: 1\nsites: { "böse": { broker: "mqtt://x:1", lines: 1, machinesPerLine: 1 } }\n',
    'p.yaml:2:10: "böse" is no name here; it must be: letters, digits, - and _, at most 64',
  ],
  [
    'version: 1\nsites: { a: { broker: "mqtt://x:1", lines: 0 } }\n',
    "p.yaml:2:44: sites.a.lines: 0; it must be at least 1",
  ],
  [
    'version: 1\nsites: { a: { broker: "mqtt://x:1", lines: 1 } }\n',
    "sites.a.machinesPerLine: missing; it must be a",
  ],
  [
    `${SITES}signals: { temperature: { every: 300ms } }\n`,
    "p.yaml:4:34: signals.temperature.every must be a multiple of 200 ms",
  ],
  [
    `${SITES}rules: { hot: { metric: temperature, above: 5, clearBelow: 6 } }\n`,
    "p.yaml:4:60: clearBelow 6 is above the limit 5",
  ],
  [`${SITES}rules: { hot: { metric: flow, above: 5 } }\n`, "p.yaml:4:25: no machine reports flow"],
  [`${SITES}duty: { run: 5m }\n`, "p.yaml:4:7: run and idle go together"],
  [`${SITES}duty: { run: [9m, 5m], idle: 1m }\n`, "p.yaml:4:14: run must be a length"],
  [`${SITES}duty: { maintenance: { every: 1h, for: 2h } }\n`, "p.yaml:4:40: maintenance must be over"],
  [`${SITES}duty: { utcOffset: 8 }\n`, "p.yaml:4:20: duty.utcOffset:"],
  [
    `${SITES}duty: { shifts: [{ days: [mon], from: "6:00", to: "14:00" }] }\n`,
    'p.yaml:4:39: duty.shifts.0.from: "6:00" is no time of day',
  ],
  [
    `${SITES}waveform: { every: 1m, bearing: { balls: 9, ballDiameterMm: 40, pitchDiameterMm: 39 } }\n`,
    "p.yaml:4:61: the balls do not fit",
  ],
  [`${SITES}signals: { temperature: { format: jsn } }\n`, '"jsn"; did you mean json?'],
  [
    `${SITES}signals: { temperature: { format: sparkplug } }\n`,
    "p.yaml:4:10: sparkplug is a whole site's format",
  ],
  [`${SITES}delivery: { loss: { probability: 0.1 } }\n`, "p.yaml:4:19: nothing is lost but at QoS 0"],
  [`${SITES}delivery: { lateness: { distribution: normal } }\n`, '"normal"; did you mean lognormal?'],
  [
    `${SITES}delivery: { lateness: { distribution: pareto, least: 1s } }\n`,
    "p.yaml:4:13: delivery.lateness.max:",
  ],
  [
    `${SITES}delivery: { lateness: { distribution: exponential, mean: 1s, max: 30d } }\n`,
    "p.yaml:4:11: up to 77760000 readings could be on their way",
  ],
  [
    `${SITES}delivery: { lateness: { distribution: lognormal, median: 10s, max: 5s } }\n`,
    "p.yaml:4:58: median is longer than max",
  ],
  [
    `${SITES}delivery: { lateness: { distribution: pareto, least: 10s, max: 5s } }\n`,
    "p.yaml:4:54: least is longer than max",
  ],
  [`${SITES}duty: { shifts: [] }\n`, "name a shift, or leave shifts out"],
  [`${SITES}links: ${links("127.0.0.1:8883", 1883)}\n`, "port 1883 of site alpha would be a link's, too"],
  [`${SITES}links: ${links("localhost:8883", 8883)}\n`, "port 8883 of links.to would be a link's, too"],
  [
    `${SITES}faults: [{ fault: overheating, machine: alpha/line-1/machine-1, at: 1s, targetCelsius: -500 }]\n`,
    "faults.0.targetCelsius: -500; it must be at least 0",
  ],
  [
    `${SITES}faults: [{ fault: clock, machine: alpha/line-1/machine-1, at: 1s, offsetMs: 99999999999999 }]\n`,
    "faults.0.offsetMs: 99999999999999; it must be at most",
  ],
  [`${SITES}delivery: { silence: { every: 1m, for: [9s, 5s] } }\n`, "p.yaml:4:40: for must be a length"],
  [`${SITES}delivery: { malformed: { probability: 2 } }\n`, "p.yaml:4:39: delivery.malformed.probability:"],
  ["version: 1\nsites: {\n", "p.yaml:3:1:"],
])("%#: %s", (text, problem) => {
  expect(() => parsePlan(text, "p.yaml")).toThrow(problem);
});

test.each([
  ["", "3:10: name one of broker, http, kafka and files"],
  ['broker: "mqtt://a:1", http: { url: "http://a:1" }', "3:10: name one of broker, http, kafka and files"],
  ['http: { url: "http://127.0.0.1:8186" }, qos: 1', "only a broker has a QoS"],
  ['http: { url: "http://127.0.0.1:8186" }, format: csv', "http takes formats of one line, not csv"],
  ["files: { folder: out }, format: senml", "files takes json, influx and csv, not senml"],
  ["files: { folder: out }, format: sparkplug", "Sparkplug B needs a broker"],
  ['broker: "mqtt://a:1", format: sparkplug, qos: 1', "Sparkplug B publishes its data at QoS 0"],
  ["kafka: { brokers: [] }", "sites.alpha.kafka.brokers:"],
  ['kafka: { brokers: ["kafka"] }', "write it like 127.0.0.1:9092"],
  ['kafka: { brokers: ["a:1"], topic: "a b" }', "letters, digits, ., _ and -, at most 249"],
  ['kafka: { brokers: ["a:1"], key: device }', '"device"; it must be topic or machine'],
  ['kafka: { brokers: ["a:1"] }, format: sparkplug', "Sparkplug B needs a broker"],
  ['kafka: { brokers: ["a:1"] }, user: me, passwordFile: p', "a user is somebody at a broker, or of http"],
  ['broker: "mqtt://a:1", user: sensors', "3:10: user and passwordFile go together"],
  ['broker: "mqtt://a:1", tokenFile: t', "3:75: only http takes a token"],
  ["files: { folder: out }, user: me, passwordFile: p", "a user is somebody at a broker, or of http"],
  [
    'http: { url: "http://a:1" }, user: me, passwordFile: p, tokenFile: t',
    "name a user with a password, or a token",
  ],
  ['broker: "mqtt://a:1", qos: 3', "sites.alpha.qos: 3; it must be 0, 1 or 2"],
])("site %#: %s", (way, problem) => {
  const text = `version: 1\nsites:\n  alpha: { lines: 1, machinesPerLine: 1, ${way} }\n`;
  expect(() => parsePlan(text, "p.yaml")).toThrow(problem);
});

test("readings for Kafka: a topic, and the MQTT topic as key; a waveform must fit into a record", () => {
  const text = `version: 1
sites:
  alpha: { lines: 1, machinesPerLine: 1, kafka: { brokers: ["a:1", "b:2"] } }
  beta: { lines: 1, machinesPerLine: 1, kafka: { brokers: ["a:1"], topic: plant.beta, key: machine } }
`;
  expect(parsePlan(text, "p.yaml").sites.map(({ output }) => output)).toEqual([
    { kind: "kafka", brokers: ["a:1", "b:2"], topic: "readings", key: "topic" },
    { kind: "kafka", brokers: ["a:1"], topic: "plant.beta", key: "machine" },
  ]);
  const waveform = "waveform: { every: 1m, samples: 1048576 }\n";
  expect(() => parsePlan(`${text}${waveform}`, "p.yaml")).toThrow(
    "p.yaml:4:48: a waveform of 4194304 bytes is more than Kafka takes in one record",
  );
});

test("who a site's sensors are stands beside the plan, which holds no secret", () => {
  const text = `version: 1
sites:
  alpha: { lines: 1, machinesPerLine: 1, http: { url: "http://a:1" }, tokenFile: secrets/alpha }
  beta: { lines: 1, machinesPerLine: 1, broker: "mqtt://b:1", user: sensors, passwordFile: /run/beta }
`;
  const logins = parsePlan(text, "/plans/p.yaml").sites.map(
    ({ output }) => "login" in output && output.login,
  );
  expect(logins).toEqual([
    { kind: "token", file: "/plans/secrets/alpha" },
    { kind: "password", user: "sensors", file: "/run/beta" },
  ]);
  const brokers = new Map([["alpha", "mqtt://c:1"]]);
  const [alpha] = parsePlan(text, "/plans/p.yaml", { brokers }).sites;
  expect(alpha.output).toMatchObject({ url: "mqtt://c:1", login: null });
});

test("a rule needs readings that bring their own time", () => {
  const text = `${SITES}signals: { temperature: { format: number } }
rules: { hot: { metric: temperature, above: 5 } }
`;
  expect(() => parsePlan(text, "p.yaml")).toThrow("p.yaml:5:25: temperature brings no time of its own");
});

test.each([
  [
    "fault: overheatin, machine: alpha/line-1/machine-1, at: 1s",
    '5:14: faults.0.fault: "overheatin"; did you mean overheating?',
  ],
  [
    "fault: earthquake, at: 1s",
    '5:14: faults.0.fault: "earthquake"; it must be overheating, bearing-wear, leak',
  ],
  [
    "fault: overheating, machine: alpha/line-9/machine-1, at: 1s, targetCelsius: 99",
    "5:36: no machine alpha/line-9/machine-1",
  ],
  [
    "fault: overheating, machine: alpha/line-1/machine-3, at: 1s, targetCelsius: 99",
    "5:36: no machine alpha/line-1/machine-3",
  ],
  ["fault: overheating, machine: alpha/line-1/machine-01, at: 1s, targetCelsius: 99", "5:36: no machine"],
  [
    "fault: stuck, sensor: alpha/line-1/machine-1, at: 1s",
    "5:29: no sensor alpha/line-1/machine-1; sensors are named like alpha/line-1/machine-1/temperature",
  ],
  [
    "fault: stuck, sensor: alpha/line-1/machine-1/preasure, at: 1s",
    "5:29: no machine reports preasure; did you mean pressure?",
  ],
  ["fault: power-cut, site: alfa, at: 1s, for: 5s", "5:31: no site alfa; there are alpha"],
  ["fault: power-cut, site: alpha, at: 1s", "5:5: faults.0.for:"],
  [
    "fault: leak, machine: alpha/line-1/machine-1, at: 1s, share: 1.5",
    "5:68: faults.0.share: 1.5; it must be at most 1",
  ],
  [
    "fault: leak, machine: alpha/line-1/machine-1, at: 1s, share: 0.5, fro: 5s",
    '5:73: unknown key "fro"; did you mean for?',
  ],
  [
    "fault: leak, machine: alpha/line-1/machine-1, at: 1s, growth: 9s, for: 5s, share: 0.5",
    "5:69: the fault would end before it is full grown",
  ],
  [
    "fault: bearing-wear, machine: alpha/line-1/machine-1, at: 1s, defect: inner, vibration: 1",
    '5:77: faults.0.defect: "inner"; did you mean inner-race?',
  ],
  [
    "fault: swapped, machine: alpha/line-1/machine-1, at: 1s, metrics: [flow, flow]",
    "5:73: no machine reports flow",
  ],
])("fault %#: %s", (fault, problem) => {
  expect(() => parsePlan(`${SITES}faults:\n  - { ${fault} }\n`, "p.yaml")).toThrow(problem);
});

test("a machine beyond the line's last is none", () => {
  const plan = (machine: string): string =>
    `${SITES}faults: [{ fault: leak, machine: alpha/line-1/${machine}, at: 1s, share: 0.5 }]\n`;
  expect(parsePlan(plan("machine-2"), "p.yaml").faults).toHaveLength(1);
  expect(() => parsePlan(plan("machine-3"), "p.yaml")).toThrow(
    "p.yaml:4:34: no machine alpha/line-1/machine-3",
  );
});

test("a plan makes something: readings of a site, or records", () => {
  expect(() => parsePlan("version: 1\n", "p.yaml")).toThrow(
    "p.yaml:1:1: name at least one site, or business",
  );
  expect(() => parsePlan("version: 1\nbusiness: {}\n", "p.yaml")).toThrow(
    "p.yaml:2:11: there are no records",
  );
  expect(parsePlan("version: 1\nbusiness: { orders: { perSecond: 1 } }\n", "p.yaml").sites).toEqual([]);
});

const BUSINESS = "version: 1\nbusiness:\n  ";
const ROAD = "trucks: { routes: { road: { through: [北京, 天津], trucks: 2 } }";
test.each([
  ["orders: { perSecond: -1 }", "3:24: business.orders.perSecond: -1; it must be more than 0"],
  ["orders: { perSecond: 1, regoins: {} }", '3:27: unknown key "regoins"; did you mean regions?'],
  ["zone: Asia/Peking\n  orders: { perSecond: 1 }", "3:9: business.zone: there is no such time zone"],
  [
    "orders: { perSecond: 1, regions: { 北京: -1 } }",
    "3:42: business.orders.regions.北京: -1; it must be at least 0",
  ],
  ["orders: { perSecond: 1, regions: { 北京: 0 } }", "3:36: some region must have a weight above 0"],
  [
    "orders: { perSecond: 1, categories: { phones: { median: 5, regions: { 上海市: 2 } } } }",
    "3:78: there is no region 上海市; did you mean 上海?",
  ],
  ["orders: { perSecond: 1, daily: [1, 2] }", "3:34: business.orders.daily: 24 weights"],
  [
    "orders: { perSecond: 1, festival: { at: 2025-02-30 } }",
    '3:43: "2025-02-30" is no time; write it like 10m after the start, 2026-11-11, or next-midnight',
  ],
  ["time: unix\n  orders: { perSecond: 1 }", '3:9: business.time: "unix"; it must be epoch-ms, iso or local'],
  ["debezium: {}\n  appOpens: { users: 5 }", "3:13: only orders and transfers come as change events"],
  [
    "debezium: { snapshot: 7d }\n  orders: { perSecond: 5 }",
    "3:25: some 3024000 orders would be in the table; 1000000 at most",
  ],
  ["windows: [1500ms]\n  orders: { perSecond: 5 }", "3:13: business.windows.0: whole seconds"],
  ["transfers: { perSecond: 1, circle: [5, 3] }", "3:38: a least and a greatest number"],
  [
    "transfers: { perSecond: 1, accounts: 9, circle: [3, 9] }",
    "3:55: a circle of 9 needs more than 9 accounts",
  ],
  [
    "transfers: { perSecond: 1, accounts: 20, circle: [3, 9], rings: [{ at: 1m, payees: 11, within: 5m }] }",
    "3:86: of 20 accounts, 10 are strangers to one that knows 9",
  ],
  [
    "transfers: { perSecond: 1, rings: [{ at: 1m, payees: 17, within: 5m, to: known }] }",
    "3:56: an account has paid 16 others at most; make the circle larger",
  ],
  [
    "transfers: { perSecond: 1, rings: [{ at: 1m, payees: 10, within: 5m, every: 5m }] }",
    "3:79: a ring is over before it comes again",
  ],
  [
    "transfers: { perSecond: 1, rings: [{ at: 1m, payees: 1, within: 5m }] }",
    "3:56: business.transfers.rings.0.payees",
  ],
  [
    "transfers: { perSecond: 1, rings: [{ at: 1m, payees: 2, within: 0s }] }",
    "3:67: business.transfers.rings.0.within",
  ],
  [
    "transfers: { perSecond: 1, accounts: 50, rings: [{ at: 1m, account: 51, payees: 10, within: 5m }] }",
    "3:71: there are 50 accounts",
  ],
  [
    "trucks: { routes: { road: { through: [北京, 上海市], trucks: 2 } } }",
    "3:45: there is no place 上海市; did you mean 上海? (others are given under places)",
  ],
  [
    `${ROAD}, events: [{ truck: road-3, event: stop, at: 1m, for: 5m }] }`,
    "3:83: there is no truck road-3; trucks are named like road-1",
  ],
  [
    "trucks: { routes: { road: { through: [北京, 天津], trucks: 2, tunnels: [{ from: 9, to: 5 }] } } }",
    "3:86: a tunnel ends behind its beginning",
  ],
  [
    "trucks: { routes: { road: { through: [北京, 天津], trucks: 2, tunnels: [{ from: 9, to: 500 }] } } }",
    "3:86: the route is 113 km long",
  ],
])("business %#: %s", (business, problem) => {
  expect(() => parsePlan(`${BUSINESS}${business}\n`, "p.yaml")).toThrow(`p.yaml:${problem}`);
});
