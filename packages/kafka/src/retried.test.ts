// How long something is tried again: until it succeeds, is hopeless, or patience or connection is at an end.
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { expect, test } from "vitest";
import { retried } from "./retried.ts";

function trying(
  failures: number,
  options: { readonly patienceMs?: number; readonly isHopeless?: boolean } = {},
) {
  const time = new SimulatedTime(0);
  const troubles: string[] = [];
  const attemptsMs: number[] = [];
  let isClosed = false;
  let outcome: unknown;
  const clock = time.clock();
  const attempt = async () => {
    attemptsMs.push(clock.monotonicMs());
    if (attemptsMs.length <= failures) throw new Error(`away ${attemptsMs.length}`);
    return "there";
  };
  const done = retried(attempt, {
    clock,
    random: new SeededRandom(3),
    patienceMs: options.patienceMs ?? Number.POSITIVE_INFINITY,
    isClosed: () => isClosed,
    isHopeless: () => options.isHopeless ?? false,
    onTrouble: (reason) => troubles.push(reason),
    silenceMs: undefined,
  }).then(
    (answer) => (outcome = answer),
    (error: Error) => (outcome = error.message),
  );
  return { time, troubles, attemptsMs, done, close: () => (isClosed = true), outcome: () => outcome };
}

test("it is tried until it succeeds, at most two seconds apart, and says why it waits", async () => {
  const { time, troubles, attemptsMs, outcome } = trying(30);
  await time.run(60_000);
  expect(outcome()).toBe("there");
  expect(troubles).toHaveLength(30);
  const gaps = attemptsMs.slice(1).map((atMs, index) => atMs - attemptsMs[index]);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(2_000);
  expect(Math.max(...gaps)).toBeGreaterThan(1_000);
});

test("a try that nobody answers is told of before it is over, once; one that is answered soon is not", async () => {
  const time = new SimulatedTime(0);
  const clock = time.clock();
  const troubles: (readonly [number, string])[] = [];
  const answersMs = [9_000, 150_000, 9_000];
  const done = retried(
    async () => {
      const answerMs = answersMs.shift() ?? 0;
      await new Promise<void>((resolve) => clock.after(answerMs, resolve));
      if (answersMs.length > 0) throw new Error("away");
    },
    {
      clock,
      random: new SeededRandom(3),
      patienceMs: Number.POSITIVE_INFINITY,
      isClosed: () => false,
      isHopeless: () => false,
      onTrouble: (reason) => troubles.push([Math.floor(clock.monotonicMs() / 1_000), reason]),
      silenceMs: 10_000,
    },
  );
  await time.run(300_000);
  await done;
  expect(troubles).toEqual([
    [9, "away"],
    [19, "no answer for 10 s; waiting for it"],
    [159, "away"],
  ]);
});

test("no patience is one try, and what is hopeless is not tried again", async () => {
  const impatient = trying(1, { patienceMs: 0 });
  const hopeless = trying(1, { isHopeless: true });
  await Promise.all([impatient.time.run(1), hopeless.time.run(1)]);
  expect([impatient.outcome(), hopeless.outcome()]).toEqual(["away 1", "away 1"]);
  expect([impatient.troubles, hopeless.troubles]).toEqual([[], []]);
});

test("a closed connection ends it at the next failure", async () => {
  const { time, outcome, close } = trying(Number.POSITIVE_INFINITY);
  await time.run(5_000);
  expect(outcome()).toBeUndefined();
  close();
  await time.run(5_000);
  expect(outcome()).toMatch(/^away/);
});
