// A connection's packets, however they are cut: direct publishes are taken, everything else reaches the broker whole and in order,
// and nothing is taken before what was sent before it.
import { mqttPacket } from "@millrace/testkit";
import { PacketSizeGuard } from "@millrace/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DirectPublishes } from "./direct-publishes.ts";

const PACKET_BYTES_MAX = 60;
const GUARD_BYTES_MAX = 400;

/** A connection where topics that begin with "d" are direct; what is taken and what is left, in order. */
function connection({ isOpen = true, mayBegin = (): boolean => true } = {}) {
  const great: (number | "end")[] = [];
  const taken: string[] = [];
  const left: Buffer[] = [];
  const publishes = new DirectPublishes<string>({
    guard: new PacketSizeGuard(GUARD_BYTES_MAX),
    packetBytesMax: PACKET_BYTES_MAX,
    topicAt(bytes, from, to) {
      const topic = Buffer.from(bytes.subarray(from, to)).toString();
      return topic.startsWith("d") ? topic : undefined;
    },
    take: ({ topic, payload, qos, packetId }) =>
      taken.push(`${topic} ${qos} ${packetId} ${Buffer.from(payload).toString("hex")}`),
    begin(bytes) {
      if (mayBegin()) great.push(bytes);
      return mayBegin();
    },
    end: () => great.push("end"),
  });
  publishes.isOpen = isOpen;
  return {
    publishes,
    taken,
    left,
    great,
    /** False when the connection must go. */
    read(chunk: Buffer): boolean {
      const rest = publishes.read(chunk);
      if (rest != null) left.push(Buffer.from(rest));
      return rest !== undefined;
    },
  };
}

function publish(topic: string, options: { flags?: number; id?: number; payload?: string } = {}): Buffer {
  const { flags = 0, id = 7, payload = "p" } = options;
  const idBytes = (flags & 0b0110) === 0 ? [] : [id >> 8, id & 0xff];
  return mqttPacket(0x30 | flags, topic, Uint8Array.from(idBytes), Buffer.from(payload));
}

const DIRECT = [
  publish("d/1"),
  publish("d/2", { flags: 2 }),
  publish("d/3", { flags: 10, id: 65_535, payload: "" }),
];
const OTHER = [
  publish("s/1"),
  publish("d/4", { flags: 1 }),
  publish("d/5", { flags: 4 }),
  publish("d/6", { flags: 2, id: 0 }),
  publish("d/7", { payload: "x".repeat(100) }),
  mqttPacket(0xc0, Buffer.alloc(0)),
  mqttPacket(0x82, Buffer.from([0, 1, 0, 1, 0x61, 0])),
  mqttPacket(0x30, Buffer.from([0, 9, 0x64])),
  mqttPacket(0x30, Buffer.alloc(0)),
  mqttPacket(0x36, Buffer.from([0, 1, 0x64, 0, 1])),
];

describe("any packets, cut anywhere", () => {
  const kinds = [
    (payload: string) => publish("d/1", { payload }),
    (payload: string) => publish("d/2", { payload, flags: 2 }),
    (payload: string) => publish("s/1", { payload }),
    (payload: string) => publish("d/3", { payload, flags: 1 }),
    (payload: string) => publish("d/4", { payload: payload.padEnd(200) }),
    () => mqttPacket(0xc0, Buffer.alloc(0)),
  ];
  it("come out once each, in the order in which they were sent", () => {
    const cutting = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 30 });
    const property = fc.property(
      fc.array(fc.nat(kinds.length - 1), { maxLength: 12 }),
      cutting,
      // Parts of what was read at once, or each read by itself.
      fc.boolean(),
      (sent, cuts, areParts) => {
        const packets = sent.map((kind, index) => kinds[kind](String(index)));
        const { read, taken, left } = connection();
        const takenAt = new Map<number, number>();
        const leftBytesAt: number[] = [];
        const bytes = Buffer.concat(packets);
        for (let at = 0, cut = 0; at < bytes.length; cut += 1) {
          const to = at + cuts[cut % cuts.length];
          const before = taken.length;
          const part = bytes.subarray(at, to);
          expect(read(areParts ? part : Buffer.from(part))).toBe(true);
          for (const one of taken.slice(before)) takenAt.set(indexOf(one), 2 * cut);
          leftBytesAt.push(Buffer.concat(left).length);
          at = to;
        }
        const brokered = packets.filter((_one, index) => !takenAt.has(index));
        expect(Buffer.concat(left)).toEqual(Buffer.concat(brokered));
        expect([...takenAt.keys()]).toEqual([...takenAt.keys()].toSorted((one, other) => one - other));
        // In each step what is taken comes before what is left.
        let end = 0;
        const steps = packets.map((one, index) => {
          const at = takenAt.get(index);
          if (at !== undefined) return at;
          end += one.length;
          return 2 * leftBytesAt.findIndex((count) => count >= end) + 1;
        });
        expect(steps).toEqual(steps.toSorted((one, other) => one - other));
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });
});

describe("one chunk", () => {
  it("of direct publishes leaves nothing for the broker", () => {
    const { read, taken, left } = connection();
    read(Buffer.concat(DIRECT));
    expect(taken).toEqual(DIRECT.map(describeDirect));
    expect(left).toEqual([]);
  });

  it.each(OTHER.map((other) => [other.toString("hex").slice(0, 12), other] as const))(
    "with %s leaves that and all behind it",
    (_name, other) => {
      const { read, taken, left } = connection();
      read(Buffer.concat([DIRECT[0], other, DIRECT[1]]));
      expect(taken).toEqual([describeDirect(DIRECT[0])]);
      expect(Buffer.concat(left)).toEqual(Buffer.concat([other, DIRECT[1]]));
      read(DIRECT[2]);
      expect(taken).toHaveLength(2);
    },
  );
});

it("takes nothing out of a great packet, whatever stands in it", () => {
  const { read, taken, left } = connection();
  const great = publish("d/1", { payload: `${"x".repeat(100)}${publish("d/2").toString("latin1")}` });
  const inside = great.length - publish("d/2").length;
  read(great.subarray(0, inside));
  read(great.subarray(inside));
  expect(taken).toEqual([]);
  expect(Buffer.concat(left)).toEqual(great);
});

it("says how great a packet is that comes in parts, when it begins and when it is whole", () => {
  const { read, great } = connection();
  const bytes = Buffer.concat([DIRECT[0], publish("d/1", { payload: "x".repeat(100) }), DIRECT[1]]);
  const length = bytes.length - DIRECT[0].length - DIRECT[1].length;
  read(bytes.subarray(0, 20));
  expect(great).toEqual([length]);
  read(bytes.subarray(20, 40));
  expect(great).toEqual([length]);
  read(bytes.subarray(40));
  expect(great).toEqual([length, "end"]);
});

it("a great packet that has to wait holds back itself and all behind it, and is passed on in order when it need not", () => {
  let hasRoom = false;
  const { publishes, read, taken, left } = connection({ mayBegin: () => hasRoom });
  const great = publish("d/1", { payload: "x".repeat(100) });
  read(Buffer.concat([DIRECT[0], OTHER[5], great.subarray(0, 30)]));
  expect(publishes.isHeldBack).toBe(true);
  expect(Buffer.concat(left)).toEqual(OTHER[5]);
  read(Buffer.alloc(0));
  expect(publishes.isHeldBack).toBe(true);
  hasRoom = true;
  read(Buffer.alloc(0));
  expect(publishes.isHeldBack).toBe(false);
  read(Buffer.concat([great.subarray(30), DIRECT[1]]));
  read(DIRECT[2]);
  expect(Buffer.concat(left)).toEqual(Buffer.concat([OTHER[5], great, DIRECT[1]]));
  expect(taken).toEqual([describeDirect(DIRECT[0]), describeDirect(DIRECT[2])]);
});

describe("before the connection stands", () => {
  const first = mqttPacket(0x10, Buffer.alloc(150));
  const behind = [DIRECT[0], OTHER[5], DIRECT[1]];
  const bytes = Buffer.concat([first, ...behind]);

  it.each([[bytes.length], [1], [7], [first.length], [first.length - 1], [first.length + 3]])(
    "only the first packet is passed on, as it comes, and all behind it in order afterwards; cut at every %i bytes",
    (cut) => {
      const { publishes, read, taken, left } = connection({ isOpen: false });
      for (let at = 0; at < bytes.length; at += cut) {
        read(bytes.subarray(at, at + cut));
        // But for a length that is not whole.
        const passed = at + cut < 3 ? 0 : Math.min(at + cut, first.length);
        expect(Buffer.concat(left)).toEqual(first.subarray(0, passed));
        expect(publishes.isHeldBack).toBe(at + cut >= first.length);
      }
      expect(taken).toEqual([]);
      publishes.isOpen = true;
      read(Buffer.alloc(0));
      expect(publishes.isHeldBack).toBe(false);
      read(DIRECT[2]);
      expect(taken).toEqual([describeDirect(DIRECT[0]), describeDirect(DIRECT[2])]);
      expect(Buffer.concat(left)).toEqual(Buffer.concat([first, OTHER[5], DIRECT[1]]));
    },
  );

  it("a first packet without body, and one that is malformed", () => {
    const { publishes, read } = connection({ isOpen: false });
    expect(read(Buffer.from([0xc0, 0]))).toBe(true);
    expect(publishes.isHeldBack).toBe(true);
    expect(connection({ isOpen: false }).read(Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 1]))).toBe(false);
  });
});

it.each([
  ["a packet above the guard's limit", mqttPacket(0x30, Buffer.alloc(GUARD_BYTES_MAX + 1))],
  ["a length of five bytes", Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])],
])("%s ends the connection", (_name, bytes) => {
  expect(connection().read(bytes)).toBe(false);
});

function describeDirect(bytes: Buffer): string {
  const { read, taken } = connection();
  read(bytes);
  return taken[0];
}

/** Of a packet whose payload is its index. */
function indexOf(taken: string): number {
  return Number(Buffer.from(taken.split(" ")[3], "hex").toString());
}
