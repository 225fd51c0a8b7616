// The stream heals itself: a gap, junk, silence or an error always ends in a new snapshot, with a bounded, growing wait.
import { expect, test } from "vitest";
import { LiveStream } from "./live-stream.ts";
import { ServerClock } from "./server-clock.ts";

/** Central's end, and the page's timers, by hand. */
class Bench {
  readonly sources: { listeners: Map<string, (event: { data?: unknown }) => void>; isClosed: boolean }[] = [];
  readonly timers: { delayMs: number; callback: () => void }[] = [];
  readonly heard: string[] = [];
  follows = true;
  readonly stream = new LiveStream({
    openSource: () => {
      const source = { listeners: new Map<string, (event: { data?: unknown }) => void>(), isClosed: false };
      this.sources.push(source);
      return {
        addEventListener: (type, listener) => source.listeners.set(type, listener),
        close: () => {
          source.isClosed = true;
        },
      };
    },
    startTimer: (delayMs, callback) => {
      const timer = { delayMs, callback };
      this.timers.push(timer);
      return () => this.timers.splice(this.timers.indexOf(timer), 1);
    },
    random: () => 0.5,
    onSnapshot: ({ seq }) => this.heard.push(`snapshot ${seq}`),
    onDelta: ({ seq }) => {
      this.heard.push(`delta ${seq}`);
      return this.follows;
    },
    onConnection: (isOpen) => this.heard.push(isOpen ? "open" : "lost"),
  });

  send(type: string, data: unknown, at = this.sources.length - 1): void {
    this.sources[at]?.listeners.get(type)?.({ data: typeof data === "string" ? data : JSON.stringify(data) });
  }

  fire(): number {
    const timer = this.timers.pop();
    timer?.callback();
    return timer?.delayMs ?? -1;
  }
}

function opened(): Bench {
  const bench = new Bench();
  bench.stream.open();
  bench.send("snapshot", { seq: 1, serverTimeMs: 5 });
  return bench;
}

test("deltas reach the page after the snapshot only", () => {
  const bench = new Bench();
  bench.stream.open();
  bench.send("delta", { seq: 9, serverTimeMs: 5 });
  bench.send("snapshot", { seq: 1, serverTimeMs: 5 });
  bench.send("delta", { seq: 2, serverTimeMs: 6 });
  expect(bench.heard).toEqual(["snapshot 1", "open", "delta 2"]);
});

test("a delta that does not follow closes the stream and begins it again", () => {
  const bench = opened();
  bench.follows = false;
  bench.send("delta", { seq: 4, serverTimeMs: 6 });
  expect(bench.sources[0]?.isClosed).toBe(true);
  bench.fire();
  expect(bench.sources).toHaveLength(2);
  bench.send("snapshot", { seq: 1, serverTimeMs: 7 }, 0);
  expect(bench.heard.filter((word) => word === "snapshot 1")).toHaveLength(1);
});

test("junk never throws: it is counted, and the stream begins again", () => {
  const bench = opened();
  for (const junk of ["", "{", "null", '{"seq":"x"}']) {
    bench.send("delta", junk);
    bench.fire();
  }
  expect(bench.stream.malformedCount).toBe(4);
  expect(bench.sources).toHaveLength(5);
});

test("silence is a broken link", () => {
  const bench = opened();
  expect(bench.fire()).toBe(10_000);
  expect(bench.heard.at(-1)).toBe("lost");
});

test("the wait grows to a bound, and a snapshot resets it", () => {
  const bench = opened();
  const waits = Array.from({ length: 7 }, () => {
    bench.send("error", undefined);
    return bench.fire();
  });
  expect(waits).toEqual([500, 750, 1_250, 2_250, 4_250, 4_250, 4_250]);
  bench.send("snapshot", { seq: 1, serverTimeMs: 5 });
  bench.send("error", undefined);
  expect(bench.fire()).toBe(500);
});

test("the server's clock: the least delayed frame counts, and an older estimate is let go", () => {
  const clock = new ServerClock();
  expect(clock.nowMs(0)).toBeNull();
  clock.observe(100_000, 1_000);
  clock.observe(100_300, 2_000);
  expect(clock.nowMs(2_000)).toBe(101_000);
  // The server's clock is set back by ten seconds: within two minutes the page follows.
  for (let ms = 3_000; ms < 130_000; ms += 1_000) clock.observe(89_000 + ms, ms);
  expect(clock.nowMs(130_000)).toBe(219_000);
});
