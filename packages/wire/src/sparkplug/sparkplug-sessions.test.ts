// Births, aliases, sequence numbers and deaths as a host application sees them: what is read, what waits, what is asked for.
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { sparkplugBytes, type TahuMetric, type TahuPayload } from "./sparkplug-bytes.test-support.ts";
import { type SparkplugBounds, type SparkplugHearing, SparkplugSessions } from "./sparkplug-sessions.ts";
import { parseSparkplugTopic } from "./sparkplug-topic.ts";
import { SPARKPLUG_TYPES, type SparkplugType } from "./sparkplug-types.ts";

const REORDER_MS = 2_000;
const REBIRTH_MS = 10_000;
const TIME_MS = 1_700_000_000_000;
const typeOf = (type: SparkplugType) => SPARKPLUG_TYPES.indexOf(type);

/** Reads every metric whose name begins with `Temp`; its binding is that name. */
class Bench {
  nowMs = 1_000_000;
  readonly sessions: SparkplugSessions<string>;

  constructor(bounds: Partial<SparkplugBounds> = {}) {
    this.sessions = new SparkplugSessions<string>({
      reads: ({ device }) => device !== "unread",
      bind: (_source, name) => (name.startsWith("Temp") ? [name] : []),
      reorderTimeoutMs: REORDER_MS,
      rebirthIntervalMs: REBIRTH_MS,
      bounds,
    });
  }

  hear(path: string, payload: TahuPayload | Uint8Array, mayWait = true) {
    const topic = parseSparkplugTopic(`spBv1.0/${path}`);
    if (topic === undefined || topic.type === "STATE") throw new Error(`no topic of a node: ${path}`);
    return seen(
      this.sessions.hear({
        topic,
        payload: payload instanceof Uint8Array ? payload : sparkplugBytes({ timestamp: TIME_MS, ...payload }),
        via: "broker",
        mayWait,
        nowMs: this.nowMs,
      }),
    );
  }

  /** The births of a node with two metrics, and of a device with one. */
  bear(bdSeq = 1): void {
    this.bearNode(
      "n",
      [
        { name: "Temp", alias: 1, datatype: typeOf("Int32"), intValue: 20 },
        { name: "Speed", alias: 2, datatype: typeOf("Int32"), intValue: 5 },
      ],
      bdSeq,
    );
    this.bearDevice(1);
  }

  bearNode(node: string, metrics: TahuMetric[] = [], bdSeq = 1) {
    return this.hear(`g/NBIRTH/${node}`, { seq: 0, metrics: [session(bdSeq), ...metrics] });
  }

  bearDevice(seq: number) {
    return this.hear("g/DBIRTH/n/d", {
      seq,
      metrics: [{ name: "Temp/Motor", alias: 3, datatype: typeOf("Float"), floatValue: 30 }],
    });
  }

  data(seq: number, ...metrics: TahuMetric[]) {
    return this.hear("g/NDATA/n", { seq, metrics });
  }

  wait(ms: number) {
    this.nowMs += ms;
    return seen(this.sessions.tick(this.nowMs));
  }

  rebirths(): string[] {
    return this.sessions.takeRebirths(this.nowMs).map(({ group, node }) => `${group}/${node}`);
  }
}

/** Readings as `name=value`, failures by reason, stale series as `name=value`. */
function seen({ readings, failures, stale }: SparkplugHearing<string>) {
  return {
    readings: readings.map(
      ({ binding, decoded }) => `${binding}=${decoded.ok ? decoded.value : decoded.reason}`,
    ),
    failures: failures.map(({ reason }) => reason),
    stale: stale.map(({ binding, value }) => `${binding}=${value}`),
  };
}

const NOTHING = { readings: [], failures: [], stale: [] };
const temp = (intValue: number): TahuMetric => ({ alias: 1, intValue });
const session = (bdSeq: number): TahuMetric => ({
  name: "bdSeq",
  datatype: typeOf("Int64"),
  longValue: bdSeq,
});

test("a birth is the current value, and gives later messages their names and types", () => {
  const bench = new Bench();
  const born = bench.bearNode("n", [{ name: "Temp", alias: 1, datatype: typeOf("Int8"), intValue: 0xff }]);
  expect(born.readings).toEqual(["Temp=-1"]);
  expect(bench.data(1, temp(0xfe))).toEqual({ ...NOTHING, readings: ["Temp=-2"] });
  expect(bench.rebirths()).toEqual([]);
});

describe("a birth of a node", () => {
  const value: TahuMetric = { name: "Temp", alias: 1, datatype: typeOf("Int32"), intValue: 7 };

  it.each<[string, TahuPayload]>([
    ["with nothing in it", {}],
    ["without seq", { metrics: [session(0), value] }],
    ["with a seq beyond 255", { seq: 256, metrics: [session(0), value] }],
    ["without bdSeq", { seq: 0, metrics: [value] }],
    [
      "with a bdSeq that is no number",
      { seq: 0, metrics: [{ name: "bdSeq", datatype: typeOf("String"), stringValue: "0" }, value] },
    ],
  ])("%s is none: refused, and asked for again", (_what, payload) => {
    const bench = new Bench();
    expect(bench.hear("g/NBIRTH/n", payload)).toEqual({ ...NOTHING, failures: ["malformed"] });
    expect([...bench.sessions.nodes()].map(({ isBorn }) => isBorn)).toEqual([false]);
    expect(bench.sessions.counts).toMatchObject({ nbirth: 1, refused_birth: 1 });
    expect(bench.rebirths()).toEqual(["g/n"]);
  });

  it("that is refused changes nothing in the session that stands", () => {
    const bench = new Bench();
    bench.bear();
    expect(bench.hear("g/NBIRTH/n", { seq: 0, metrics: [value] }).failures).toEqual(["malformed"]);
    expect(bench.data(2, temp(8)).readings).toEqual(["Temp=8"]);
  });

  it("that is refused again and again is asked for ever more seldom", () => {
    const bench = new Bench();
    const askedAtMs: number[] = [];
    const startMs = bench.nowMs;
    for (let step = 0; step < 800; step++) {
      bench.hear("g/NBIRTH/n", { seq: 0 });
      if (bench.rebirths().length > 0) askedAtMs.push(bench.nowMs - startMs);
      bench.wait(100);
    }
    expect(askedAtMs).toEqual([0, 10_000, 30_000, 70_000]);
  });
});

test("aliases of a device are its own; what nobody reads is counted", () => {
  const bench = new Bench();
  bench.bear();
  const heard = bench.hear("g/DDATA/n/d", {
    seq: 2,
    metrics: [
      { alias: 3, floatValue: 31 },
      { alias: 1, intValue: 4 },
    ],
  });
  expect(heard).toEqual({ ...NOTHING, readings: ["Temp/Motor=31"], failures: ["no_birth"] });
  expect(bench.data(3, { alias: 2, intValue: 6 })).toEqual(NOTHING);
  expect(bench.sessions.counts).toMatchObject({ nbirth: 1, dbirth: 1, ddata: 1, ndata: 1, unread_metric: 1 });
});

describe("without a birth", () => {
  it("an alias is nothing, and the node is asked at once for its births", () => {
    const bench = new Bench();
    expect(bench.data(7, temp(1))).toEqual({ ...NOTHING, failures: ["no_birth"] });
    expect(bench.rebirths()).toEqual(["g/n"]);
    bench.bear();
    expect(bench.data(2, temp(2)).readings).toEqual(["Temp=2"]);
    expect(bench.rebirths()).toEqual([]);
  });

  it("what names itself and its type is read all the same", () => {
    const bench = new Bench();
    const named = { name: "Temp", doubleValue: 1.5 };
    expect(bench.data(7, named, { name: "Temp2", intValue: 1 })).toEqual({
      ...NOTHING,
      readings: ["Temp=1.5"],
      failures: ["no_birth"],
    });
    expect(bench.rebirths()).toEqual(["g/n"]);
  });

  it("a device is asked for through its node, also where only the device's birth is missing", () => {
    const bench = new Bench();
    bench.bear();
    expect(bench.hear("g/DDATA/n/other", { seq: 2, metrics: [{ alias: 9, floatValue: 1 }] })).toEqual({
      ...NOTHING,
      failures: ["no_birth"],
    });
    expect(bench.rebirths()).toEqual(["g/n"]);
  });

  it("devices that nobody reads cost nothing but their numbers", () => {
    const bench = new Bench();
    bench.bear();
    expect(
      bench.hear("g/DBIRTH/n/unread", { seq: 2, metrics: [{ name: "Temp", alias: 3, floatValue: 1 }] }),
    ).toEqual(NOTHING);
    expect(bench.hear("g/DDATA/n/unread", { seq: 3, metrics: [{ alias: 99, floatValue: 1 }] })).toEqual(
      NOTHING,
    );
    expect(bench.data(4, temp(1)).readings).toEqual(["Temp=1"]);
    expect(bench.rebirths()).toEqual([]);
  });
});

describe("requests for births", () => {
  it("never come twice within the interval, and more seldom while nothing answers", () => {
    const bench = new Bench();
    const askedAtMs: number[] = [];
    const startMs = bench.nowMs;
    for (let step = 0; step < 1_300; step++) {
      bench.data(step % 200, temp(1));
      if (bench.rebirths().length > 0) askedAtMs.push(bench.nowMs - startMs);
      bench.wait(100);
    }
    expect(askedAtMs).toEqual([0, 10_000, 30_000, 70_000]);
    bench.bear();
    bench.data(40, temp(1));
    bench.wait(REORDER_MS);
    expect(bench.rebirths()).toEqual(["g/n"]);
  });

  it("are paced over all nodes", () => {
    const bench = new Bench();
    for (let node = 0; node < 50; node++) bench.hear(`g/NDATA/n${node}`, { seq: 0, metrics: [temp(1)] });
    const counts = Array.from({ length: 4 }, () => {
      const count = bench.rebirths().length;
      bench.wait(1_000);
      return count;
    });
    expect(counts).toEqual([20, 20, 10, 0]);
  });
});

describe("sequence numbers", () => {
  it("go on after 255 with 0, and a 0 may be left out", () => {
    const bench = new Bench();
    bench.bear();
    for (let seq = 2; seq < 600; seq++)
      expect(bench.data(seq % 256, temp(seq)).readings).toEqual([`Temp=${seq}`]);
    for (let seq = 600; seq < 768; seq++) bench.data(seq % 256, temp(seq));
    expect(bench.hear("g/NDATA/n", { metrics: [temp(1)] }).readings).toEqual(["Temp=1"]);
    bench.data(1, temp(2));
    bench.wait(REORDER_MS);
    expect([bench.rebirths(), bench.sessions.counts.sequence_gap]).toEqual([[], 0]);
  });

  it("that are missing ask for births when the reorder timeout is over; what came is read at once", () => {
    const bench = new Bench();
    bench.bear();
    expect(bench.data(3, temp(1)).readings).toEqual(["Temp=1"]);
    bench.wait(REORDER_MS - 1);
    expect(bench.rebirths()).toEqual([]);
    bench.wait(1);
    expect(bench.rebirths()).toEqual(["g/n"]);
    expect(bench.sessions.counts.sequence_gap).toBe(1);
    // It goes on after what came, and does not ask for the same gap again.
    bench.data(4, temp(2));
    bench.wait(60_000);
    expect(bench.rebirths()).toEqual([]);
  });

  it("that come in another order within the timeout ask for nothing", () => {
    const bench = new Bench();
    bench.bear();
    for (const seq of [4, 3, 2, 5]) expect(bench.data(seq, temp(seq)).readings).toEqual([`Temp=${seq}`]);
    bench.wait(60_000);
    expect([bench.rebirths(), bench.sessions.counts.sequence_gap]).toEqual([[], 0]);
  });

  it("of a fast node show a gap before they have gone around", () => {
    const bench = new Bench();
    bench.bear();
    for (let seq = 3; seq < 3 + 64; seq++) bench.data(seq, temp(seq));
    expect(bench.rebirths()).toEqual(["g/n"]);
  });

  it("that a node never gives are no gap", () => {
    const bench = new Bench();
    bench.bear();
    for (let count = 0; count < 10; count++) bench.hear("g/NDATA/n", { metrics: [temp(count)] });
    bench.wait(60_000);
    expect(bench.rebirths()).toEqual([]);
    expect(bench.sessions.counts.unnumbered).toBe(10);
  });
});

describe("a device's data that overtake its birth", () => {
  const early = { seq: 2, metrics: [{ alias: 3, floatValue: 31 }] };
  function bornNode() {
    const bench = new Bench();
    bench.bearNode("n");
    return bench;
  }

  it("wait for it", () => {
    const bench = bornNode();
    expect(bench.hear("g/DDATA/n/d", early)).toEqual(NOTHING);
    expect(bench.bearDevice(1).readings).toEqual(["Temp/Motor=30", "Temp/Motor=31"]);
    bench.wait(60_000);
    expect(bench.rebirths()).toEqual([]);
  });

  it("are given up and counted when it does not come", () => {
    const bench = bornNode();
    bench.hear("g/DDATA/n/d", early);
    expect(bench.wait(REORDER_MS)).toEqual({ ...NOTHING, failures: ["no_birth"] });
    expect(bench.rebirths()).toEqual(["g/n"]);
  });

  it("do not wait where somebody waits for their acknowledgement", () => {
    expect(bornNode().hear("g/DDATA/n/d", early, false).failures).toEqual(["no_birth"]);
  });
});

describe("deaths", () => {
  const death = (bdSeq: number): TahuPayload => ({
    metrics: [{ name: "bdSeq", datatype: typeOf("Int64"), longValue: bdSeq }],
  });

  it("of a node make its series and those of its devices stale, once", () => {
    const bench = new Bench();
    bench.bear(7);
    bench.data(2, temp(22));
    expect(bench.hear("g/NDEATH/n", death(7)).stale).toEqual(["Temp=22", "Temp/Motor=30"]);
    expect(bench.hear("g/NDEATH/n", death(7))).toEqual(NOTHING);
    expect(bench.data(3, temp(1)).failures).toEqual(["no_birth"]);
    expect(bench.sessions.counts).toMatchObject({ ndeath: 1, old_death: 1, stale_series: 2 });
  });

  it("of an earlier session are none: a will may overtake a birth", () => {
    const bench = new Bench();
    bench.bear(8);
    expect(bench.hear("g/NDEATH/n", death(7))).toEqual(NOTHING);
    expect(bench.data(2, temp(1)).readings).toEqual(["Temp=1"]);
  });

  it("of a device are its own", () => {
    const bench = new Bench();
    bench.bear();
    expect(bench.hear("g/DDEATH/n/d", { seq: 2 }).stale).toEqual(["Temp/Motor=30"]);
    expect(bench.data(3, temp(1)).readings).toEqual(["Temp=1"]);
    bench.bearDevice(4);
    expect(bench.rebirths()).toEqual([]);
  });

  it("are not told of a device that is not born again with its node: it is stale after a while", () => {
    const bench = new Bench();
    bench.bear();
    bench.bearNode("n");
    expect(bench.wait(9_999).stale).toEqual([]);
    expect(bench.wait(1).stale).toEqual(["Temp/Motor=30"]);
    expect(bench.wait(60_000).stale).toEqual([]);
  });

  it("of the connection are those of all nodes behind it", () => {
    const bench = new Bench();
    bench.bear();
    expect(seen(bench.sessions.lost("another", bench.nowMs)).stale).toEqual([]);
    expect(seen(bench.sessions.lost("broker", bench.nowMs)).stale).toEqual(["Temp=20", "Temp/Motor=30"]);
    expect(bench.data(9, temp(1)).failures).toEqual(["no_birth"]);
    expect(bench.rebirths()).toEqual(["g/n"]);
  });

  it("leave alone what has only been read of the past", () => {
    const bench = new Bench();
    bench.bearNode("n", [{ name: "Temp", alias: 1, datatype: typeOf("Int32") }]);
    bench.data(1, { ...temp(5), isHistorical: true });
    expect(bench.hear("g/NDEATH/n", {}).stale).toEqual([]);
  });
});

describe("bounds", () => {
  it("refuse nodes beyond them, unless one is dead", () => {
    const bench = new Bench({ nodes: 2 });
    for (const node of ["a", "b"]) bench.bearNode(node);
    expect(bench.bearNode("c").failures).toEqual(["too_many"]);
    bench.hear("g/NDEATH/a", {});
    expect(bench.bearNode("c").failures).toEqual([]);
    expect([...bench.sessions.nodes()].map(({ source }) => source.node)).toEqual(["b", "c"]);
  });

  it("refuse devices and definitions beyond them, and give back what a death frees", () => {
    const bench = new Bench({ devices: 1, definitions: 6 });
    bench.bear();
    expect(bench.hear("g/DBIRTH/n/e", { seq: 2 }).failures).toEqual(["too_many"]);
    const metrics = [1, 2, 3].map((alias) => ({
      name: `Temp${alias}`,
      alias,
      datatype: typeOf("Float"),
      floatValue: 1,
    }));
    expect(bench.bearNode("other", metrics).failures).toEqual(["too_many"]);
    bench.hear("g/NDEATH/n", {});
    expect(bench.bearNode("other", metrics).failures).toEqual([]);
  });
});

describe("names that nobody reads", () => {
  const kept = (bench: Bench) => [...bench.sessions.nodes()].reduce((sum, { own }) => sum + own.count, 0);
  const tell = (bench: Bench, name: string) =>
    bench.data(1, { name, datatype: typeOf("Float"), floatValue: 1 });

  it("are not kept where they are long, and take of the bound what their length is", () => {
    const bench = new Bench({ definitions: 20 });
    bench.bearNode("n");
    for (let count = 0; count < 10; count += 1) tell(bench, `${count}`.padEnd(100_000, "x"));
    expect(kept(bench)).toBe(0);
    expect(tell(bench, "Temp").readings).toEqual(["Temp=1"]);
    for (let count = 0; count < 100; count += 1) tell(bench, `${count}`.padEnd(640, "x"));
    expect(kept(bench)).toBe(20);
    for (let count = 0; count < 2; count += 1) tell(bench, "0".padEnd(640, "x"));
    expect(kept(bench)).toBe(20);
    expect(bench.sessions.counts.unread_metric).toBe(112);
    bench.bearNode("n");
    expect(kept(bench)).toBe(0);
  });

  it("nor are nodes and devices whose own names are long", () => {
    const bench = new Bench();
    const long = "n".repeat(1_100);
    for (const path of [`g/NBIRTH/${long}`, `g/DBIRTH/n/${long}`, `g/NDEATH/${long}`])
      expect(bench.hear(path, { seq: 0 }).failures).toEqual(["malformed"]);
    expect([...bench.sessions.nodes()]).toEqual([]);
  });
});

test("messages in any order, with any numbers, throw nothing and hold no more than the bounds", () => {
  const metric: fc.Arbitrary<TahuMetric> = fc.record(
    {
      name: fc.constantFrom("Temp", "Temp2", "Speed", "bdSeq"),
      alias: fc.nat({ max: 5 }),
      datatype: fc.nat({ max: 20 }),
      longValue: fc.nat(),
      isNull: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const payload: fc.Arbitrary<TahuPayload | Uint8Array> = fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record(
        { seq: fc.nat({ max: 300 }), metrics: fc.array(metric, { maxLength: 4 }) },
        { requiredKeys: [] },
      ),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }) },
  );
  const path = fc.oneof(
    fc
      .tuple(fc.constantFrom("NBIRTH", "NDEATH", "NDATA", "NCMD"), fc.constantFrom("a", "b", "c"))
      .map(([type, node]) => `g/${type}/${node}`),
    fc
      .tuple(
        fc.constantFrom("DBIRTH", "DDEATH", "DDATA", "DCMD"),
        fc.constantFrom("a", "b", "c"),
        fc.constantFrom("x", "y", "unread"),
      )
      .map(([type, node, device]) => `g/${type}/${node}/${device}`),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(path, payload, fc.nat({ max: 4_000 })), { maxLength: 60 }), (messages) => {
      const bench = new Bench({ nodes: 2, devices: 3, definitions: 10 });
      for (const [path, payload, waitMs] of messages) {
        bench.hear(path, payload);
        bench.wait(waitMs);
        bench.rebirths();
        const nodes = [...bench.sessions.nodes()];
        expect(nodes.length).toBeLessThanOrEqual(2);
        const devices = nodes.flatMap((node) => [...node.devices.values()]);
        expect(devices.length).toBeLessThanOrEqual(3);
        const definitions = [
          ...nodes.map(({ own }) => own),
          ...devices.map(({ definitions }) => definitions),
        ];
        // A metric may have a name and an alias.
        expect(definitions.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(11);
      }
    }),
    { numRuns: 300 },
  );
});

test.each([
  ["spBv1.0/g/NBIRTH/n", { type: "NBIRTH", source: { group: "g", node: "n", device: null } }],
  ["spBv1.0/g/DDATA/n/d", { type: "DDATA", source: { group: "g", node: "n", device: "d" } }],
  ["spBv1.0/STATE/host", { type: "STATE", hostId: "host" }],
  ["spBv1.0/STATE/NBIRTH/n", { type: "NBIRTH", source: { group: "STATE", node: "n", device: null } }],
  ["spBv1.0/g/NBIRTH/n/d", undefined],
  ["spBv1.0/g/DDATA/n", undefined],
  ["spBv1.0/g/XDATA/n", undefined],
  ["spBv1.0/g//n", undefined],
  ["spBv1.0//NDATA/n", undefined],
  ["spBv1.0/g/NDATA/", undefined],
  ["spBv1.0/g/DDATA/n/d/e", undefined],
  ["spBv1.0", undefined],
  ["spAv1.0/g/NDATA/n", undefined],
])("%s", (topic, parsed) => {
  expect(parseSparkplugTopic(topic)).toEqual(parsed);
});

describe("others that read", () => {
  /** By name; what each is bound to. */
  type Readers = ReadonlyMap<string, string>;
  const NAMES = ["a", "b", "c"];
  const readers = fc
    .array(fc.constantFrom(...NAMES), { maxLength: 3 })
    .chain((names) =>
      fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), fc.constantFrom("x", "y")))),
    )
    .map((entries): Readers => new Map(entries));
  const paths = ["g/N/n1", "g/N/n2", "g/D/n1/d1", "g/D/n1/d2", "g/D/n2/d1"] as const;
  const value = fc.record({
    path: fc.constantFrom(...paths),
    name: fc.constantFrom(...NAMES),
    number: fc.integer({ min: 0, max: 1_000 }),
    isNamed: fc.boolean(),
  });
  type Value = typeof value extends fc.Arbitrary<infer Made> ? Made : never;
  /** Births of everything, in the order of sessions; aliases are others each time. */
  const births = (aliasFrom: number) =>
    paths.map((path, index) => ({
      path: path.replace("/N/", "/NBIRTH/").replace("/D/", "/DBIRTH/"),
      metrics: [
        session(1),
        ...NAMES.map((name, at) => ({
          name,
          alias: aliasFrom + 10 * index + at,
          datatype: typeOf("Int32"),
          intValue: aliasFrom,
        })),
      ],
    }));
  const data = (aliasFrom: number, { path, name, number, isNamed }: Value) => ({
    path: path.replace("/N/", "/NDATA/").replace("/D/", "/DDATA/"),
    metrics: [
      isNamed
        ? { name, datatype: typeOf("Int32"), intValue: number }
        : { alias: aliasFrom + 10 * paths.indexOf(path) + NAMES.indexOf(name), intValue: number },
    ],
  });
  class Following {
    readers: Readers;
    readonly sessions: SparkplugSessions<string>;
    readonly #seqOf = new Map<string, number>();

    constructor(first: Readers) {
      this.readers = first;
      this.sessions = new SparkplugSessions<string>({
        reads: () => this.readers.size > 0,
        bind: (_source, name) => (this.readers.has(name) ? [`${name}>${this.readers.get(name)}`] : []),
        reorderTimeoutMs: REORDER_MS,
        rebirthIntervalMs: REBIRTH_MS,
      });
    }

    rebind(next: Readers): void {
      const gains = [...next].some(([name, reader]) => this.readers.get(name) !== reader);
      this.readers = next;
      this.sessions.rebind({ hears: () => next.size > 0, gains: () => gains });
    }

    hear({ path, metrics }: { path: string; metrics: TahuMetric[] }) {
      const topic = parseSparkplugTopic(`spBv1.0/${path}`);
      if (topic === undefined || topic.type === "STATE") throw new Error("no topic of a node");
      const { node } = topic.source;
      const seq = topic.type === "NBIRTH" ? 0 : ((this.#seqOf.get(node) ?? -1) + 1) % 256;
      this.#seqOf.set(node, seq);
      const payload = sparkplugBytes({ timestamp: TIME_MS, seq, metrics });
      const { readings, failures } = seen(
        this.sessions.hear({ topic, payload, via: "broker", mayWait: true, nowMs: 0 }),
      );
      return { readings, failures };
    }
  }

  it("take, from the next births on, what they would if there had been no others before", () => {
    fc.assert(
      fc.property(
        fc.array(readers, { minLength: 2, maxLength: 4 }),
        fc.array(value, { maxLength: 12 }),
        fc.array(value, { maxLength: 12 }),
        (series, before, after) => {
          const changed = new Following(series[0]);
          births(100).forEach((birth) => changed.hear(birth));
          series.slice(1).forEach((next, at) => {
            before.slice(at * 4, at * 4 + 4).forEach((one) => changed.hear(data(100, one)));
            changed.rebind(next);
          });
          const started = new Following(series.at(-1) ?? new Map());
          for (const message of [...births(500), ...after.map((one) => data(500, one))])
            expect(changed.hear(message)).toEqual(started.hear(message));
        },
      ),
    );
  });

  it("lose nothing of what was read before and still is, and read nothing that is not theirs", () => {
    fc.assert(
      fc.property(readers, readers, fc.array(value, { maxLength: 12 }), (first, next, values) => {
        const changed = new Following(first);
        births(100).forEach((birth) => changed.hear(birth));
        changed.rebind(next);
        for (const one of values) {
          const { readings } = changed.hear(data(100, one));
          const wanted = next.has(one.name) ? [`${one.name}>${next.get(one.name)}=${one.number}`] : [];
          if (one.isNamed || first.has(one.name) || wanted.length === 0)
            expect(readings).toEqual(next.size === 0 ? [] : wanted);
        }
      }),
    );
  });

  it("are told of a device that is not born again after its node: of what they read, once", () => {
    const changed = new Following(
      new Map([
        ["a", "x"],
        ["b", "x"],
      ]),
    );
    const [birth, , device] = births(100);
    changed.hear(birth);
    changed.hear(device);
    changed.hear(birth);
    changed.rebind(
      new Map([
        ["b", "y"],
        ["c", "y"],
      ]),
    );
    expect(changed.sessions.tick(11_000).stale).toEqual([{ name: "b", binding: "b>y", value: 100 }]);
    expect(changed.sessions.takeRebirths(11_000)).toHaveLength(1);
  });

  it("ask nobody where they only read less", () => {
    const changed = new Following(
      new Map([
        ["a", "x"],
        ["b", "x"],
      ]),
    );
    births(100).forEach((birth) => changed.hear(birth));
    changed.rebind(new Map([["a", "x"]]));
    expect(changed.sessions.takeRebirths(0)).toEqual([]);
    changed.rebind(new Map());
    expect([...changed.sessions.nodes()]).toEqual([]);
  });
});
