// Transfers into Kafka at a rate, with rings among them: the time of each is that at which it is handed over. Tells how many there
// were of both, and how far it fell behind.
import { PlatformaticClient } from "@millrace/kafka";
import { ringTexts, transferTexts } from "./transfer-texts.ts";

const TICK_MS = 10;
const RING_EVERY_MS = 50;

const [address, topic, perSecond, accounts, forMs] = process.argv.slice(2);
const plan = {
  perTick: (Number(perSecond) * TICK_MS) / 1_000,
  accounts: Number(accounts),
  forMs: Number(forMs),
};
const producer = new PlatformaticClient({
  brokers: [address],
  clientId: "bank",
  tls: null,
  sasl: null,
}).producer();
process.on("SIGTERM", () => process.exit(0));
await producer.connect([topic]);
const startMs = performance.now();
let [sent, rings, behindMsMax] = [0, 0, 0];
for (let tick = 0; tick * TICK_MS < plan.forMs; tick += 1) {
  const waitMs = startMs + tick * TICK_MS - performance.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  else behindMsMax = Math.max(behindMsMax, -waitMs);
  const nowMs = Date.now();
  const texts = transferTexts(sent, plan.perTick, {
    accounts: plan.accounts,
    timeMs: nowMs,
    isHistory: false,
  });
  sent += texts.length;
  if ((tick * TICK_MS) % RING_EVERY_MS === 0) {
    texts.push(...ringTexts(rings, nowMs, plan.accounts));
    rings += 1;
  }
  await producer.send(texts.map(({ partition, value }) => ({ topic, key: null, value, partition })));
}
process.send?.({ sent: sent + 10 * rings, rings, tookMs: performance.now() - startMs, behindMsMax });
