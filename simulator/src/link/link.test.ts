// A line that fails as real ones do: heavy-tailed outages from the seed, each site's its own; and over real sockets what gets through
// is whole and in order, late by its latency, no faster than its bandwidth, and nothing while it is down or hangs.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { systemClock } from "@millrace/runtime";
import { SeededRandom } from "@millrace/testkit";
import { mean, median } from "simple-statistics";
import { afterEach, expect, test, vi } from "vitest";
import { LinkCourse } from "./link-course.ts";
import { LinkEmulator } from "./link-emulator.ts";
import type { LinkPlan } from "./link-plan.ts";

const PLAN: LinkPlan = {
  host: "127.0.0.1",
  port: 1,
  firstPort: 0,
  up: { leastMs: 20_000, shape: 1.5, maxMs: 3_600_000 },
  down: { leastMs: 1_000, shape: 1.2, maxMs: 600_000 },
  halfOpenShare: 0.25,
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: 1e9,
};

test("outages are as long, as frequent and as often half-open as was asked", () => {
  const changes = [...new LinkCourse(PLAN, 1, "alpha", 0).changes(1_000_000_000)];
  const lengths = (isUp: boolean): number[] =>
    changes
      .slice(0, -1)
      .flatMap(({ state, time }, index) =>
        (state === "up") === isUp ? [changes[index + 1].time - time] : [],
      );
  // A Pareto's median: least × 2^(1/shape).
  expect(median(lengths(true)) / (20_000 * 2 ** (1 / 1.5))).toBeCloseTo(1, 1);
  expect(median(lengths(false)) / (1_000 * 2 ** (1 / 1.2))).toBeCloseTo(1, 1);
  expect(Math.max(...lengths(false))).toBeGreaterThan(60_000);
  expect(Math.max(...lengths(false))).toBeLessThanOrEqual(600_000);
  const outages = changes.filter(({ state }) => state !== "up");
  expect(outages.filter(({ state }) => state === "half-open").length / outages.length).toBeCloseTo(0.25, 1);
  expect(mean(lengths(true))).toBeGreaterThan(40_000);
});

test("each site's course is its own, and the same however often it is asked", () => {
  const at = (site: string) =>
    [...new LinkCourse(PLAN, 1, site, 0).changes(10_000_000)].map(({ time }) => time);
  expect(at("alpha")).not.toEqual(at("beta"));
  const course = new LinkCourse(PLAN, 1, "alpha", 0);
  const asked: number[] = [];
  for (let time = 0; time <= 10_000_000; time += 777)
    asked.push(...[...course.changes(time)].map((each) => each.time));
  expect(asked).toEqual(at("alpha").filter((time) => time <= 9_999_990));
});

const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A line before a server that keeps what it is told and answers with its length. */
async function newLine(plan: Partial<LinkPlan> = {}) {
  const told: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const index = told.push("") - 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      told[index] += chunk.toString("latin1");
      socket.write(`${chunk.length} `);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const delays: number[] = [];
  const clock = {
    ...systemClock,
    after(delayMs: number, callback: () => void) {
      delays.push(delayMs);
      return systemClock.after(delayMs, callback);
    },
  };
  const { port } = server.address() as AddressInfo;
  const random = new SeededRandom(1, "line");
  const link = await LinkEmulator.listen({
    plan: { ...PLAN, ...plan, port },
    site: "alpha",
    port: 0,
    clock,
    random,
  });
  ends.push(() => link.close());
  const dial = async () => {
    const socket = connect(link.port, "127.0.0.1");
    let answers = "";
    let isClosed = false;
    socket.on("data", (chunk) => (answers += chunk.toString()));
    socket.on("error", () => {});
    socket.on("close", () => (isClosed = true));
    ends.push(() => void socket.destroy());
    await new Promise((resolve) => socket.once("connect", resolve));
    return { socket, answers: () => answers, isClosed: () => isClosed };
  };
  return { link, told, dial, delays };
}

test("what gets through is whole and in order, both ways", async () => {
  const { told, dial } = await newLine({ latencyMs: 2, jitterMs: 5 });
  const { socket, answers } = await dial();
  const words = Array.from({ length: 200 }, (_, index) => `word ${index};`);
  for (const word of words) socket.write(word);
  await vi.waitFor(() => expect(told.join("")).toBe(words.join("")));
  await vi.waitFor(() => {
    const sum = answers()
      .trim()
      .split(" ")
      .reduce((total, each) => total + Number(each), 0);
    expect(sum).toBe(words.join("").length);
  });
});

test("down: what was connected is cut and nobody gets in; up again, they do", async () => {
  const { link, told, dial } = await newLine();
  const before = await dial();
  before.socket.write("before");
  await vi.waitFor(() => expect(told.join("")).toBe("before"));
  link.setState("down");
  await vi.waitFor(() => expect(before.isClosed()).toBe(true));
  const refused = await dial();
  await vi.waitFor(() => expect(refused.isClosed()).toBe(true));
  link.setState("up");
  const after = await dial();
  after.socket.write("after");
  await vi.waitFor(() => expect(told).toEqual(["before", "after"]));
});

test("half-open: connections stay and nothing gets through until it is up, then all of it does", async () => {
  const { link, told, dial } = await newLine();
  const { socket, isClosed } = await dial();
  socket.write("one ");
  await vi.waitFor(() => expect(told.join("")).toBe("one "));
  link.setState("half-open");
  socket.write("two ");
  const other = await newLine();
  const beside = await other.dial();
  beside.socket.write("a round trip elsewhere");
  await vi.waitFor(() => expect(beside.answers()).not.toBe(""));
  expect([told.join(""), isClosed()]).toEqual(["one ", false]);
  link.setState("up");
  await vi.waitFor(() => expect(told.join("")).toBe("one two "));
});

test("latency and bandwidth: bytes wait for both, and a sender that is quicker is held back", async () => {
  const { told, dial, delays } = await newLine({ latencyMs: 30, bytesPerSecond: 10_000_000 });
  const { socket } = await dial();
  const bytes = 3_000_000;
  socket.write(Buffer.alloc(bytes, "x"));
  await vi.waitFor(() => expect(told.join("")).toHaveLength(bytes));
  expect(Math.max(...delays)).toBeGreaterThan(30);
  // A quarter of a megabyte at ten a second, its latency, and one chunk more: nothing waited longer in memory.
  expect(Math.max(...delays)).toBeLessThan(30 + 26 + 10);
});
