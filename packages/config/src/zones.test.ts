// Zones, positions, identities and delays of records: what the file says of them, and the place of each mistake.
import { expect, test } from "vitest";
import { ConfigError } from "./config-error.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { formatProblem } from "./problem.ts";

const JSON_OF_TRUCKS = "id: $.id, time: { path: $.time, unit: ms }";
const POSITION = "position: { longitude: $.lon, latitude: $.lat }";
const TRUCKS = `version: 1
zones:
  depot: { polygon: [[[114, 36], [115, 36], [115, 37], [114, 36]]] }
  北京: { circle: { center: [116.4, 39.9], radiusKm: 20 } }
metrics:
  way:
    unit: km
    from: { records: trucks, json: { ${JSON_OF_TRUCKS}, ${POSITION}, labels: { truck: $.truck } } }
    accumulate: [count, distance]
  delay:
    unit: min
    from: { records: trucks, json: { ${JSON_OF_TRUCKS}, since: { path: $.due, unit: ms } }, convert: { from: s } }
  inside:
    unit: "1"
    from: { records: trucks, json: { ${JSON_OF_TRUCKS}, identity: $.truck, ${POSITION}, zoneLabel: zone } }
    accumulate: [count, distinctMany]
windows:
  way_5m: { metric: way, size: 5m, by: [truck] }
  delay_5m: { metric: delay, size: 5m }
  inside_5m: { metric: inside, size: 5m, by: [zone] }
`;

const load = (text: string) => loadPipeline("/p.yaml", { env: {}, readFile: () => text });

function problems(text: string): string[] {
  try {
    load(text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => formatProblem(problem).replace(/^\/\w+\.yaml:/, ""));
  }
}

test("positions, delays and identities by zone", () => {
  const { config, warnings } = load(TRUCKS);
  expect(warnings).toEqual([]);
  const [way, delay, inside] = config.metrics.map(({ source }) =>
    source.kind === "records" ? source.measure : undefined,
  );
  expect(way).toMatchObject({ path: ["lon"], value: { kind: "position", latitude: ["lat"] } });
  expect(delay).toMatchObject({ path: ["due"], value: { kind: "since", unit: "ms" } });
  expect(inside).toMatchObject({
    path: ["truck"],
    value: { kind: "identity" },
    labels: [
      {
        name: "zone",
        zone: {
          longitude: ["lon"],
          latitude: ["lat"],
          zones: [
            { name: "depot", shape: { kind: "polygon" } },
            { name: "北京", shape: { kind: "circle", center: [116.4, 39.9], radiusKm: 20 } },
          ],
        },
      },
    ],
  });
});

test("a polygon may touch itself, run back over itself, and have holes within", () => {
  for (const polygon of [
    // At a corner, in the middle of an edge, along an edge.
    "[[[0, 0], [2, 2], [4, 0], [4, 4], [2, 2], [0, 4], [0, 0]]]",
    "[[[0, 0], [4, 0], [4, 4], [2, 0], [0, 4], [0, 0]]]",
    "[[[0, 0], [4, 0], [6, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]",
    "[[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]], [[1, 0], [2, 1], [1, 1], [1, 0]]]",
    // Off the edge by less than anybody measures.
    "[[[0, 0], [0.3, 0.1], [0.4, 0.4], [0.15, 0.049999999999999], [0, 0.4], [0, 0]]]",
  ])
    expect(problems(TRUCKS.replace("[[[114, 36], [115, 36], [115, 37], [114, 36]]]", polygon))).toEqual([]);
});

test("a rim of as many positions as there may be is looked at at once", () => {
  const circle = Array.from({ length: 9_999 }, (_, at) => {
    const angle = (2 * Math.PI * at) / 9_999;
    return [114 + Math.cos(angle), 36 + Math.sin(angle)];
  });
  const polygon = JSON.stringify([[...circle, circle[0]]]);
  expect(problems(TRUCKS.replace("[[[114, 36], [115, 36], [115, 37], [114, 36]]]", polygon))).toEqual([]);
});

test("corridors, and zones that only one metric asks", () => {
  const text = TRUCKS.replace(
    "  北京:",
    "  road: { corridor: { line: [[114, 36], [116.4, 39.9]], withinKm: 3 } }\n  北京:",
  ).replace("zoneLabel: zone }", "zoneLabel: zone, zones: [road, depot] }");
  const inside = load(text).config.metrics[2]?.source;
  const [label] = inside?.kind === "records" ? inside.measure.labels : [];
  expect(label).toMatchObject({
    zone: {
      zones: [
        {
          name: "road",
          shape: {
            kind: "corridor",
            line: [
              [114, 36],
              [116.4, 39.9],
            ],
            withinKm: 3,
          },
        },
        { name: "depot" },
      ],
    },
  });
  const ruled = `${text}rules:\n  r: { metric: inside, when: { zone: { notIn: [北京] } }, severity: 5 }\n`;
  expect(problems(ruled)).toEqual([
    "23:48: records of inside are never said to be in 北京; there are road, depot, outside",
  ]);
});

const rule = (metric: string, when: string): string =>
  `${TRUCKS}rules:\n  r: { metric: ${metric}, when: { ${when} }, severity: 5 }\n`;

test("rules on records are central's, with where a series is beside its labels", () => {
  const { config } = load(rule("inside", "zone: { notIn: [depot, outside] }"));
  expect(config.rules).toEqual([]);
  expect(config.recordRules).toMatchObject([
    {
      stream: "trucks",
      zoneLabel: "zone",
      spec: {
        name: "r",
        metric: "inside",
        when: { kind: "zone", zones: ["depot", "outside"], isIn: false },
        message: "is not in depot, outside",
      },
    },
  ]);
  const [late] = load(rule("delay", "above: 30")).config.recordRules;
  expect(late).toMatchObject({ zoneLabel: null, spec: { when: { kind: "above", limit: 30 } } });
});

test.each([
  [
    "latitude before longitude",
    TRUCKS.replace("[116.4, 39.9]", "[39.9, 116.4]"),
    "4:27: [39.9, 116.4] is nowhere: longitudes are from -180 to 180, latitudes from -90 to 90; the longitude stands first",
  ],
  [
    "a ring that is open",
    TRUCKS.replace("[115, 37], [114, 36]", "[115, 37], [114, 37]"),
    "3:22: the ring begins at [114,36] and ends at [114,37]; its last position must be the first again",
  ],
  [
    "a ring without inside",
    TRUCKS.replace("[115, 36], [115, 37], [114, 36]", "[115, 36], [114, 36]"),
    "3:22: a ring of 3 positions has no inside; it needs three, and the first again",
  ],
  [
    "a ring over the 180th meridian",
    TRUCKS.replace(
      "[[[114, 36], [115, 36], [115, 37], [114, 36]]]",
      "[[[179, 0], [-179, 0], [-179, 1], [179, 0]]]",
    ),
    /must be cut there into two zones/,
  ],
  [
    "a ring that crosses itself",
    TRUCKS.replace(
      "[[[114, 36], [115, 36], [115, 37], [114, 36]]]",
      "[[[114, 36], [115, 37], [115, 36], [114, 37], [114, 36]]]",
    ),
    "3:45: the line from [115,36] to [114,37] crosses that from [114,36] to [115,37]: nobody can tell what is inside; name each ring's positions in their order around it",
  ],
  [
    "a hole that crosses the rim",
    TRUCKS.replace(
      "[[[114, 36], [115, 36], [115, 37], [114, 36]]]",
      "[[[114, 36], [115, 36], [115, 37], [114, 36]], [[114.5, 36.1], [115.5, 36.2], [114.6, 36.3], [114.5, 36.1]]]",
    ),
    /3:69: the line from \[114.5,36.1\] to \[115.5,36.2\] crosses that from \[115,36\] to \[115,37\]/,
  ],
  ["a text among the positions", TRUCKS.replace("[115, 37]", '[115, "x"]'), /3:\d+: .*must be a number/],
  [
    "two areas",
    TRUCKS.replace("{ circle:", "{ polygon: [[[0, 0], [1, 0], [1, 1], [0, 0]]], circle:"),
    "4:3: the zone has two areas; give one of circle, polygon and corridor",
  ],
  [
    "a corridor without length",
    TRUCKS.replace("circle: { center: [116.4, 39.9], radiusKm: 20 }", "corridor: { line: [], withinKm: 3 }"),
    /4:\d+: .*line .*must be/,
  ],
  [
    "a corridor over the 180th meridian",
    TRUCKS.replace(
      "circle: { center: [116.4, 39.9], radiusKm: 20 }",
      "corridor: { line: [[179, 0], [-179, 0]], withinKm: 3 }",
    ),
    /a line that crosses the 180th meridian must be cut there into two zones/,
  ],
  [
    "a zone for a metric that there is not",
    TRUCKS.replace("zoneLabel: zone }", "zoneLabel: zone, zones: [dpot] }"),
    /15:\d+: there is no zone dpot; did you mean depot\?/,
  ],
  [
    "zones without a label",
    TRUCKS.replace(`${POSITION}, labels`, `${POSITION}, zones: [depot], labels`),
    /zones are told by their label; give zoneLabel/,
  ],
  [
    "a radius of nothing",
    TRUCKS.replace("radiusKm: 20", "radiusKm: 0"),
    /radiusKm is 0; it must be km, a number above 0/,
  ],
  [
    "a zone called outside",
    TRUCKS.replace("  depot:", "  outside:"),
    /outside is where no zone is; give the zone another name/,
  ],
  [
    "no zones",
    TRUCKS.replace(/zones:\n.*\n.*\n/, ""),
    /the file has no zones; give zones: \{ … \}, or remove zoneLabel/,
  ],
  [
    "a zone without position",
    TRUCKS.replace(`identity: $.truck, ${POSITION}`, "identity: $.truck"),
    /zones are found by position; give position: \{ … \}/,
  ],
  [
    "a position of no use",
    TRUCKS.replace("zoneLabel: zone", "labels: { zone: $.zone }"),
    /the metric is of identity, and its position is of no use; give zoneLabel, or remove one of the two/,
  ],
  [
    "a label twice",
    TRUCKS.replace("zoneLabel: zone", "zoneLabel: zone, labels: { zone: $.zone }"),
    /labels has zone already; keep one of the two/,
  ],
  [
    "nothing read",
    TRUCKS.replace("since: { path: $.due, unit: ms }", "labels: { a: $.a }"),
    /one of value, identity, since and position/,
  ],
  [
    "two values",
    TRUCKS.replace("since:", "value: $.v, since:"),
    /json has value and since; keep one of the two/,
  ],
  [
    "a map of no texts",
    TRUCKS.replace("since:", "map: { a: 1 }, since:"),
    /map says what texts at value mean; remove it, or give value/,
  ],
  [
    "scaled positions",
    TRUCKS.replace("labels: { truck: $.truck } }", "labels: { truck: $.truck } }, scale: 2"),
    /scale is for numbers; remove it/,
  ],
  [
    "a zone of numbers",
    TRUCKS.replace(
      "since: { path: $.due, unit: ms }",
      "since: { path: $.due, unit: ms, timeZone: Asia/Shanghai }",
    ),
    /numbers count from 1970, UTC, whatever the zone; remove timeZone/,
  ],
  [
    "the mean of positions",
    TRUCKS.replace("[count, distance]", "[mean, distance]"),
    /way is of positions, of which there is no mean; accumulate some of count, distance/,
  ],
  [
    "identities that are summed, by default",
    TRUCKS.replace("    accumulate: [count, distinctMany]\n", ""),
    /inside is of identities, of which there is no mean, min, max, sum; accumulate some of count, distinct, distinctMany/,
  ],
  [
    "the distance of numbers",
    TRUCKS.replace("convert: { from: s } }", "convert: { from: s } }\n    accumulate: [distance]"),
    /distance is of positions; give json: \{ position: … \} of records, and no value/,
  ],
  [
    "a distance in miles",
    TRUCKS.replace("unit: km", "unit: mi"),
    /way accumulates distance, which is in km; unit must be km/,
  ],
  [
    "the distance of several trucks",
    TRUCKS.replace("size: 5m, by: [truck]", "size: 5m"),
    /way accumulates distance, which is of one series; name all its labels here \(truck is missing\)/,
  ],
  [
    "distinct twice",
    TRUCKS.replace("[count, distinctMany]", "[distinct, distinctMany]"),
    /inside accumulates distinct twice/,
  ],
  [
    "a zone that there is not",
    rule("inside", "zone: { in: [depto] }"),
    /there is no zone depto; did you mean depot\?/,
  ],
  [
    "both in and out",
    rule("inside", "zone: { in: [depot], notIn: [北京] }"),
    /zone has both in and notIn; give one of them/,
  ],
  [
    "a zone for some time",
    rule("inside", "zone: { in: [depot] }, forAtLeast: 1m"),
    /forAtLeast is for limits and silence; remove it/,
  ],
  [
    "a zone of no zones",
    rule("way", "zone: { in: [depot] }"),
    /records of way have no zones; give it position and zoneLabel/,
  ],
  [
    "a limit of positions",
    rule("way", "above: 5"),
    /way has no numbers to compare; name a metric with value/,
  ],
  [
    "of readings",
    TRUCKS.replace("records: trucks, json: { id: $.id,", "topic: a/b, json: { "),
    /json.position is for records; remove it, or give records instead of a topic/,
  ],
])("%s: refused with its place", (_, text, expected) => {
  const found = problems(text);
  if (typeof expected === "string") expect(found).toEqual([expected]);
  else expect(found.join("\n")).toMatch(expected);
});
