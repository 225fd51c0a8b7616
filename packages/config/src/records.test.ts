// Metrics of records: what a pipeline and central.yaml say of them, alone and together, with the place of each mistake.
import { expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadAgentPipeline } from "./load-agent-pipeline.ts";
import { loadCentralConfig } from "./load-central-config.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { formatProblem } from "./problem.ts";
import { recordProblems } from "./record-problems.ts";

const JSON_OF_ORDERS =
  "id: $.order_id, value: $.amount, time: { path: $.time, unit: iso, timeZone: Asia/Shanghai }";
const ORDERS = `version: 1
metrics:
  amount:
    unit: CNY
    from: { records: orders, json: { ${JSON_OF_ORDERS}, labels: { region: $.region } } }
  failed:
    unit: "1"
    from: { records: orders, json: { ${JSON_OF_ORDERS.replace("$.amount", "$.payment")}, map: { failed: 1, paid: 0 } } }
  cpu:
    unit: "%"
    from: { host: cpu }
windows:
  amount_1m: { metric: amount, size: 1m, by: [region] }
  failed_1m: { metric: failed, size: 1m }
  cpu_1m: { metric: cpu, size: 1m }
`;

const load = (text: string) => loadPipeline("/p.yaml", { env: {}, readFile: () => text });

function problems(work: () => unknown): string[] {
  try {
    work();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => formatProblem(problem).replace(/^\/\w+\.yaml:/, ""));
  }
}

test("a metric of records says its stream, id, time, value and labels", () => {
  const { config, warnings } = load(ORDERS);
  expect(warnings).toEqual([]);
  expect(config.metrics[0]).toMatchObject({
    stream: "orders",
    paneMs: 60_000,
    source: {
      kind: "records",
      stream: "orders",
      id: ["order_id"],
      time: { path: ["time"], unit: "iso", timeZone: "Asia/Shanghai" },
      measure: {
        metric: "amount",
        path: ["amount"],
        map: null,
        labels: [{ name: "region", path: ["region"] }],
      },
    },
  });
  expect(config.metrics[1]).toMatchObject({
    source: {
      measure: {
        map: new Map([
          ["failed", 1],
          ["paid", 0],
        ]),
      },
    },
  });
  expect(config.labelNames).not.toContain("region");
});

test("an agent leaves them, and their windows, to central", () => {
  const { config } = loadAgentPipeline("/p.yaml", { env: {}, readFile: () => ORDERS });
  expect(config.metrics.map(({ name }) => name)).toEqual(["cpu"]);
  expect(config.windows.map(({ name }) => name)).toEqual(["cpu_1m"]);
  expect(config.leftToCentral).toEqual(["amount", "failed"]);
});

test.each([
  [
    "without id and time",
    ORDERS.replace(JSON_OF_ORDERS, "value: $.amount"),
    [
      "5:30: json has no id; records need one, to be counted exactly once",
      "5:30: json has no time; records need one, to be counted exactly once",
    ],
  ],
  [
    "with a topic",
    ORDERS.replace("records: orders,", "records: orders, topic: a/b,"),
    ["5:30: records are read as json; remove topic"],
  ],
  ["without json", ORDERS.replace(/json: \{.*region \} \}/, "number: {}"), /records need json/],
  [
    "a zone that is none",
    ORDERS.replaceAll("Asia/Shanghai", "Asia/Shanghia"),
    /there is no time zone Asia\/Shanghia; did you mean Asia\/Shanghai\?/,
  ],
  [
    "a zone beside a number",
    ORDERS.replaceAll("unit: iso", "unit: ms"),
    /numbers count from 1970, UTC, whatever the zone; remove timeZone/,
  ],
  [
    "another id of the same stream",
    ORDERS.replace("id: $.order_id, value: $.payment", "id: $.id, value: $.payment"),
    /metric amount reads another id of the same records; all metrics of orders must read the same/,
  ],
  [
    "an array in it",
    ORDERS.replace("id: $.order_id", "each: $.orders, id: $.order_id"),
    /json.each is for readings/,
  ],
  [
    "what is of records, of readings",
    ORDERS.replace("{ host: cpu }", '{ topic: "a/b", json: { id: $.id, value: $.v } }'),
    /json.id is for records; remove it, or give records instead of a topic/,
  ],
  [
    "a label that it has not",
    ORDERS.replace("metric: amount, size: 1m, by: [region]", "metric: amount, size: 1m, by: [regoin]"),
    /regoin is no label of amount; did you mean region\?/,
  ],
  [
    "a rule that an agent should judge",
    `${ORDERS}rules:\n  r: { window: amount_1m, at: agent, value: count, when: { above: 1 }, severity: 1 }\n`,
    /records come to central, and agents see none of them; remove at/,
  ],
  [
    "a rule on a window that acts",
    `${ORDERS}rules:\n  r: { window: amount_1m, value: count, when: { above: 1 }, severity: 1, action: { publish: a/b, payload: STOP } }\n`,
    /central judges the rule, and only agents act; remove action/,
  ],
  [
    "a rule that acts",
    `${ORDERS}rules:\n  r: { metric: amount, when: { above: 1 }, severity: 1, action: { publish: a/b, payload: STOP } }\n`,
    /records come to central, and only agents act; remove action/,
  ],
  [
    "a rule on the slope of records",
    `${ORDERS}rules:\n  r: { metric: amount, when: { rateOfChange: { above: 1, per: 1s, over: 10s } }, severity: 1 }\n`,
    /of records central judges above, below, missing, zone, distinct; rateOfChange is for readings/,
  ],
])("%s: refused with its place", (_, text, expected) => {
  const found = problems(() => load(text));
  if (Array.isArray(expected)) expect(found).toEqual(expected);
  else expect(found.join("\n")).toMatch(expected);
});

const DISTINCT = "of: { user: $.user }, by: { region: $.region }, atLeast: 3, within: 5m";
const withRule = (rule: string) => `${ORDERS}rules:\n  many: { severity: 500, ${rule} }\n`;

test("a rule that counts what is new is central's, and no agent's", () => {
  const text = withRule(`metric: amount, when: { distinct: { ${DISTINCT} } }`);
  const { config } = load(text);
  expect(config.rules).toEqual([]);
  expect(config.distinctRules).toEqual([
    {
      stream: "orders",
      spec: {
        name: "many",
        metric: "amount",
        by: ["region"],
        of: "user",
        atLeast: 3,
        withinMs: 300_000,
        knownForMs: 7_776_000_000,
        severity: 500,
        message: "at least 3 different user within 5m, none of them known for 90d",
      },
      key: [{ name: "region", path: ["region"] }],
      value: { name: "user", path: ["user"] },
      knownMax: 20_000_000,
    },
  ]);
  expect(loadAgentPipeline("/p.yaml", { env: {}, readFile: () => text }).config.rules).toEqual([]);
});

test.each([
  ["metric: cpu", DISTINCT, /17:34: cpu is made of readings, and distinct watches records/],
  ["window: amount_1m, value: count", DISTINCT, /distinct watches records; give metric instead of window/],
  ["metric: amont", DISTINCT, /there is no metric amont; did you mean amount\?/],
  ["metric: amount", DISTINCT.replace("user: $.user", "a: $.a, b: $.b"), /of has 2 names/],
  ["metric: amount", DISTINCT.replace("region: $.region", ""), /by is empty/],
  ["metric: amount", DISTINCT.replace("user: $.user", "region: $.user"), /region is in by too/],
  ["metric: amount", `${DISTINCT}, knownFor: 1m`, /knownFor 1m is shorter than within 5m/],
  ["metric: amount", `${DISTINCT} }, above: 3, stuck: { for: 1s`, /when has both above and stuck/],
  ["metric: amount", `${DISTINCT} }, forAtLeast: 1s, distinct2: { `, /distinct2/],
  ["metric: amount, action: { publish: a/b, payload: x }", DISTINCT, /a rule on records has no action/],
])("a rule that counts what is new: %s, %s: refused", (input, distinct, expected) => {
  const text = withRule(`${input}, when: { distinct: { ${distinct} } }`);
  expect(problems(() => load(text)).join("\n")).toMatch(expected);
});

const central = (records: string) =>
  loadCentralConfig("/central.yaml", { env: {}, readFile: () => `version: 1\nrecords:\n  ${records}\n` });

test("a stream: HTTP with defaults, Kafka with its own", () => {
  expect(central("orders: { http: {} }").config.records).toEqual([
    {
      name: "orders",
      kafka: null,
      outOfOrdernessMs: 5_000,
      idleTimeoutMs: 30_000,
      maxFutureMs: 60_000,
      recordBytesMax: 1_048_576,
      dedupeHorizonMs: 600_000,
      dedupeIdsMax: 10_000_000,
    },
  ]);
  const [kafka] = central('orders: { kafka: { brokers: ["k1:9092"], topic: orders } }').config.records;
  expect(kafka.kafka).toMatchObject({ topic: "orders", group: null, tls: null, sasl: null });
});

test.each([
  ["orders: {}", "3:3: records orders have no source; give one of http: {} and kafka: { … }"],
  [
    'orders: { http: {}, kafka: { brokers: ["k:1"], topic: t } }',
    "3:3: records orders have two sources; give one of http: {} and kafka: { … }",
  ],
  [
    "orders: { http: {}, outOfOrderness: 1h }",
    "3:3: records may be 1h out of order, and ids are remembered for 10m only: those in between would be set aside; dedupe.horizon must be at least outOfOrderness",
  ],
  [
    "orders: { http: {}, debezium: {}, dedupe: { horizon: 1h } }",
    "3:37: changes of a table are told apart by their place in the database's log, as long as their windows are not final; remove dedupe",
  ],
  [
    "orders: { http: {}, debezium: { timeZone: Asia/Shanghia } }",
    "3:45: there is no time zone Asia/Shanghia; did you mean Asia/Shanghai?",
  ],
])("records: %s: refused", (records, expected) => {
  expect(problems(() => central(records))).toEqual([expected]);
});

test("ids that are remembered for less than a record may be ahead are warned of", () => {
  const messages = (records: string) => central(records).warnings.map(({ message }) => message);
  expect(messages("orders: { http: {}, dedupe: { horizon: 55s } }")).toEqual([]);
  expect(messages("orders: { http: {}, dedupe: { horizon: 50s } }")).toEqual([
    "a record may be 1m ahead of the clock (maxFuture), and ids are remembered for 50s only: behind one that is, all that are right would be set aside until the clock has caught up; make dedupe.horizon longer, or maxFuture shorter",
  ]);
});

test("a stream of a table's changes: what its columns are, where events do not say so", () => {
  const { config } = central(
    "orders: { http: {}, debezium: { decimals: { amount: 2 }, dates: [day], timeZone: Asia/Shanghai } }",
  );
  expect(config.records[0].debezium).toEqual({
    decimals: new Map([["amount", 2]]),
    dates: new Set(["day"]),
    timeZone: "Asia/Shanghai",
    rowsMax: 10_000_000,
  });
});

test("what cannot take back what a row said is refused, with its place", () => {
  const pipeline = load(
    ORDERS.replace(
      "labels: { region: $.region } } }",
      "$&\n    accumulate: [count, sum, max, quantiles]",
    ).replace(
      "failed_1m: { metric: failed, size: 1m }",
      "failed_1m: { metric: failed, session: { gap: 1m } }",
    ),
  );
  const found = recordProblems(central("orders: { http: {}, debezium: {} }"), pipeline);
  const why = "records orders are changes of a table (debezium in central.yaml)";
  const keep =
    "cannot take back what a row said before it changed; keep of count, sum, mean, ratio and histogram what is wanted";
  expect(found.problems.map((problem) => formatProblem(problem).replace("/p.yaml:", ""))).toEqual([
    `6:30: ${why}: max ${keep}`,
    `6:35: ${why}: quantiles ${keep}`,
    `15:32: ${why}: a session cannot be taken apart again when a row changes; give the window a size`,
  ]);
  const plain = load(
    ORDERS.replaceAll("labels: { region: $.region } } }", "$&\n    accumulate: [count, sum]"),
  );
  expect(recordProblems(central("orders: { http: {}, debezium: {} }"), plain).problems).toMatchObject([
    { line: 7, message: expect.stringMatching(/min cannot/) },
    { line: 7, message: expect.stringMatching(/max cannot/) },
  ]);
});

test.each([`metric: amount, when: { distinct: { ${DISTINCT} } }`, "metric: amount, when: { above: 5 }"])(
  "a rule on records of a table is refused with its place: %s",
  (rule) => {
    const pipeline = load(withRule(rule));
    const { problems: found } = recordProblems(central("orders: { http: {}, debezium: {} }"), pipeline);
    expect(found.map(formatProblem).filter((problem) => problem.includes("rule"))).toEqual([
      expect.stringMatching(
        /p\.yaml:\d+:\d+: records orders are changes of a table .*: a rule on records cannot take back/,
      ),
    ]);
  },
);

test("a stream that central lacks is named with the nearest; one that nothing reads is a warning", () => {
  const found = recordProblems(central("order: { http: {} }\n  refunds: { http: {} }"), load(ORDERS));
  expect(found.problems.map((problem) => formatProblem(problem).replace("/p.yaml:", ""))).toEqual([
    "5:13: central.yaml has no records orders; did you mean order?",
    "8:13: central.yaml has no records orders; did you mean order?",
  ]);
  expect(found.warnings.map(({ message }) => message)).toEqual([
    "no metric reads records order: they are not taken",
    "no metric reads records refunds: they are not taken",
  ]);
  expect(recordProblems(central("orders: { http: {} }"), load(ORDERS))).toEqual({
    problems: [],
    warnings: [],
  });
});
