// A waveform on its way: agent and central crash in mid-transfer, the link loses and doubles, and central holds it whole, once.
import { createHash } from "node:crypto";
import { SeededRandom } from "@millrace/testkit";
import { expect, it } from "vitest";
import { type SimulatedSite, World } from "./world.ts";

const PIPELINE = `
version: 1
metrics:
  temperature:
    unit: °C
    from: { topic: "factory/{site}/{line}/{machine}/temperature", json: { value: $.temperature, time: { path: $.ts, unit: ms } } }
    live: true
windows:
  temperature_10s: { metric: temperature, size: 10s, by: [site] }
rules:
  hot: { metric: temperature, when: { above: 1000 }, severity: 900 }
evidence:
  waveform:
    topic: "factory/{site}/{line}/{machine}/waveform/{at}"
    time: { capture: at, unit: ms }
    contentType: application/octet-stream
`;
const ANY = { labels: {}, agent: null, name: null, alarm: null, state: null, cursor: null };
const ALL = { ...ANY, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 1_000 };

function waveform(seed: number, bytes: number): Uint8Array {
  const random = new SeededRandom(seed, "waveform");
  return Uint8Array.from({ length: bytes }, () => random.integer(0, 255));
}

async function world(
  seed: number,
  options: Pick<ConstructorParameters<typeof World>[0], "outboxBytesMax" | "recorder"> = {},
): Promise<World> {
  const made = new World({ seed, pipeline: PIPELINE, backfillBytesPerSecond: 250_000, ...options });
  await made.time.during(made.startCentral());
  return made;
}

/** What a machine does: it sends until it is acknowledged, whatever becomes of the gateway meanwhile. */
function send(made: World, site: SimulatedSite, payload: Uint8Array): { readonly isAcknowledged: boolean } {
  const topic = `factory/${site.name}/1/m1/waveform/${made.time.nowMs}`;
  const sent = { isAcknowledged: false };
  const attempt = () => {
    if (sent.isAcknowledged) return;
    site.publish(topic, payload)?.then(
      () => (sent.isAcknowledged = true),
      () => undefined,
    );
    made.time.after(20_000, attempt);
  };
  attempt();
  return sent;
}

async function held(made: World): Promise<Map<string, string>> {
  const { central } = made;
  const shas = new Map<string, string>();
  for (const view of central?.evidence(ALL).evidence ?? []) {
    expect(view.state).toBe("complete");
    const hash = createHash("sha256");
    const read = async () => {
      for await (const bytes of central?.evidenceBytes(view) ?? []) hash.update(bytes);
    };
    await made.time.during(read());
    shas.set(view.id, hash.digest("hex"));
  }
  return shas;
}

it.each([1, 2, 3, 4])(
  "seed %i: crashes on both sides in mid-transfer",
  async (seed) => {
    const made = await world(seed);
    const random = new SeededRandom(seed, "crashes");
    const [site] = made.sites;
    for (const each of made.sites) await made.time.during(each.start());
    const payloads = [waveform(seed, 3_000_000), waveform(seed + 100, 70_000), waveform(seed + 200, 0)];
    const sent: { readonly isAcknowledged: boolean }[] = [];
    for (const payload of payloads) {
      sent.push(send(made, site, payload));
      await made.time.run(20);
    }
    // The first time while the first payload is still being written: its sender has no acknowledgement, and sends it again.
    expect(sent.some(({ isAcknowledged }) => isAcknowledged)).toBe(false);
    site.crash();
    await made.time.during(site.start());
    Object.assign(site.link.faults, { lossProbability: 0.02, duplicateProbability: 0.02 });
    let crashesInTransfer = 0;
    for (let crash = 0; crash < 8; crash += 1) {
      await made.time.run(random.integer(200, 6_000));
      const partial = made.central
        ?.evidence(ALL)
        .evidence.some(({ state, partsHeld }) => state === "incomplete" && partsHeld > 1);
      if (partial === true) crashesInTransfer += 1;
      if (random.chance(0.5)) {
        site.crash();
        await made.time.run(random.integer(10, 500));
        await made.time.during(site.start());
      } else {
        made.crashCentral();
        await made.time.run(random.integer(10, 500));
        await made.time.during(made.startCentral());
      }
    }
    expect(crashesInTransfer).toBeGreaterThan(0);
    Object.assign(site.link.faults, { lossProbability: 0, duplicateProbability: 0 });
    const isWhole = () =>
      sent.every(({ isAcknowledged }) => isAcknowledged) &&
      made.central?.evidence(ALL).evidence.filter(({ state }) => state === "complete").length ===
        payloads.length;
    expect(await made.time.runUntil(() => isWhole() && made.isDrained(), 300_000)).toBe(true);
    const expected = payloads.map((payload) => createHash("sha256").update(payload).digest("hex"));
    expect([...(await held(made)).values()].toSorted()).toEqual(expected.toSorted());
    const ledger = made.central?.ledger().get("alpha-1");
    expect(ledger).toMatchObject({ evidence: 3, evidenceDamaged: 0, evidenceUnfinished: 0 });
    expect(ledger?.evidenceParts).toBe(46 + 2 + 1);
    // What was sealed twice came twice, and counted once.
    const sealed = site.status()?.ledger.evidencePartsSealed ?? 0;
    expect(sealed).toBeGreaterThan(49);
    expect(ledger?.evidencePartsDuplicate).toBe(sealed - 49);
  },
  120_000,
);

it("over a slow link an alarm overtakes a waveform that is under way, and so do live panes", async () => {
  const made = await world(5);
  const [site] = made.sites;
  await made.time.during(site.start());
  site.link.faults.upBytesPerSecondMax = 62_500;
  const payload = waveform(5, 2_000_000);
  const sent = send(made, site, payload);
  await made.time.run(10_000);
  expect(sent.isAcknowledged).toBe(true);
  const progress = () => made.central?.evidence(ALL).evidence[0]?.partsHeld ?? 0;
  expect(progress()).toBeGreaterThan(2);
  const atMs = made.time.nowMs;
  read(site, 2_000, atMs);
  const hasAlarm = () => made.central?.alarms().some(({ rule }) => rule === "hot") ?? false;
  const hasWindow = () => made.central?.recentWindows().some(({ endMs }) => endMs > atMs) ?? false;
  expect(await made.time.runUntil(() => hasAlarm() && hasWindow(), 3_000)).toBe(true);
  expect(progress()).toBeLessThan(31);
  expect(await made.time.runUntil(() => progress() === 31, 60_000)).toBe(true);
});

it("in an outage that fills the outbox evidence is given up first, counted, and no reading is", async () => {
  const made = await world(6, { outboxBytesMax: 1 << 20 });
  const [site, other] = made.sites;
  await made.time.during(site.start());
  await made.time.during(other.start());
  site.produce();
  await made.time.run(3_000);
  Object.assign(site.link.faults, { isUpCut: true, isDownCut: true });
  for (let number = 0; number < 8; number += 1) {
    send(made, site, waveform(number, 400_000));
    await made.time.run(20_000);
  }
  site.stopProducing();
  await made.time.run(10_000);
  const { evicted = 0, evidencePartsEvicted = 0, evidencePartsSealed = 0 } = site.status()?.ledger ?? {};
  expect(evidencePartsSealed).toBe(8 * 7);
  expect(evidencePartsEvicted).toBeGreaterThan(30);
  expect(evicted).toBe(0);
  Object.assign(site.link.faults, { isUpCut: false, isDownCut: false });
  expect(await made.time.runUntil(() => made.isDrained(), 300_000)).toBe(true);
  const ledger = made.central?.ledger().get("alpha-1");
  expect(ledger?.merged).toBe(site.truth.length);
  expect(ledger?.evidenceParts).toBe(evidencePartsSealed - (site.status()?.ledger.evidencePartsEvicted ?? 0));
  expect(ledger?.evidence).toBeGreaterThanOrEqual(1);
});

it("an alarm in an outage: the seconds around it reach central once the link is back, tied to it", async () => {
  const recorder = { bytesMax: 1 << 20, beforeMs: 10_000, afterMs: 5_000, by: ["site", "line", "machine"] };
  const made = await world(7, { recorder });
  const [site, other] = made.sites;
  await made.time.during(site.start());
  await made.time.during(other.start());
  Object.assign(site.link.faults, { isUpCut: true, isDownCut: true });
  const alarmAtMs = made.time.nowMs + 20_000;
  for (let second = 0; second < 40; second += 1) {
    const isHot = made.time.nowMs === alarmAtMs;
    read(site, isHot ? 2_000 : second, made.time.nowMs);
    await made.time.run(1_000);
  }
  // Sealed and durable: a crash of the gateway takes nothing of it.
  site.crash();
  await made.time.during(site.start());
  Object.assign(site.link.faults, { isUpCut: false, isDownCut: false });
  expect(
    await made.time.runUntil(() => made.central?.evidence(ALL).evidence[0]?.state === "complete", 60_000),
  ).toBe(true);
  const [view] = made.central?.evidence(ALL).evidence ?? [];
  const alarm = made.central?.alarms().find(({ rule }) => rule === "hot");
  expect(view).toMatchObject({
    kind: "recording",
    name: "hot",
    alarm: alarm?.id,
    contentType: "application/json",
  });
  const chunks: Uint8Array[] = [];
  await made.time.during(
    (async () => {
      for await (const bytes of made.central?.evidenceBytes(view) ?? []) chunks.push(bytes);
    })(),
  );
  const recording: unknown = JSON.parse(Buffer.concat(chunks).toString());
  const values = Array.from({ length: 16 }, (_, index) => (index === 10 ? 2_000 : index + 10));
  expect(recording).toMatchObject({
    alarm: { id: alarm?.id, rule: "hot", activeAtMs: alarmAtMs },
    isCut: false,
    series: [
      {
        metric: "temperature",
        unit: "°C",
        labels: { site: "alpha", machine: "m1" },
        timeMs: values.map((_, index) => alarmAtMs - 10_000 + 1_000 * index),
        values,
      },
    ],
  });
});

function read(site: SimulatedSite, temperature: number, ts: number): void {
  const payload = new TextEncoder().encode(JSON.stringify({ temperature, ts }));
  void site.publish(`factory/${site.name}/1/m1/temperature`, payload);
}
