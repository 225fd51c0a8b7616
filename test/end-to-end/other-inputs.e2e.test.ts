// Readings that come without MQTT: a file that a real agent tails through kill -9 and rotation, and HTTP posts.
import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { TruthReading } from "../../simulator/src/truth/truth-line.ts";
import { expectTruth } from "./expect-truth.ts";
import { prepareOneSite } from "./one-site.ts";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { Works } from "./works.ts";

const LINES = 50_000;
/** Event time between two lines. */
const STEP_MS = 2;

/** What Telegraf sends, beside. In no window: counted as rule only. */
const cpu = { unit: "%", from: { topic: "influx/cpu", influx: { measurement: "cpu", field: "usage" } } };
const pipeline = { ...PLAIN_PIPELINE, metrics: { ...PLAIN_PIPELINE.metrics, cpu } };

async function prepare(inputs: (works: Works) => Promise<Record<string, unknown>>) {
  const works = new Works();
  const config = { inputs: await inputs(works) };
  return { works, ...(await prepareOneSite(works, pipeline, { config })) };
}

test(
  "an agent killed in the middle of a file of 50,000 lines, and the file rotated meanwhile: every window is exact",
  { timeout: 240_000 },
  async () => {
    const { works, central, site } = await prepare(async (works) => ({
      files: [
        {
          path: works.path("m1.csv"),
          topic: "factory/alpha/1/{file}/temperature",
          format: "csv-with-header",
          interval: "100ms",
        },
      ],
    }));
    const path = works.path("m1.csv");
    const firstMs = Date.now() - LINES * STEP_MS - 1_000;
    const truth: TruthReading[] = Array.from({ length: LINES }, (_, index) => ({
      type: "reading",
      metric: "temperature",
      site: "alpha",
      line: "1",
      machine: "m1",
      time: firstMs + index * STEP_MS,
      value: index % 100,
    }));
    const rows = (from: number, to: number): string =>
      truth
        .slice(from, to)
        .map(({ time, value }) => `${time},${value}\n`)
        .join("");
    writeFileSync(path, `ts,value\n${rows(0, 30_000)}`);
    await central.start();
    site.process.start();
    const middle = await site.until("it is in the middle", ({ ledger }) => ledger.received > 0);
    await site.process.kill();
    console.log(`killed after ${middle.ledger.received} lines`);
    appendFileSync(path, rows(30_000, 35_000));
    renameSync(path, `${path}.1`);
    writeFileSync(path, `ts,value\n${rows(35_000, 49_000)}`);
    site.process.start();
    await site.until("it goes on", ({ ledger }) => ledger.received > 31_000);
    await site.process.kill();
    await site.start();
    appendFileSync(path, rows(49_000, LINES));
    await site.until("all is read", ({ ledger }) => ledger.received >= LINES);
    const { ledger, inputs } = await site.delivered();
    // Lines and their position are in one commit: the deduplicator had nothing to do.
    expect([ledger.aggregated, ledger.duplicate]).toEqual([LINES, 0]);
    expect(inputs).toMatchObject([{ name: "files", files: [{ path, lagBytes: 0, error: null }] }]);
    expect(await site.metrics()).toMatch(/millrace_agent_input_lag_bytes\{.*m1\.csv"\} 0/);
    expect(await site.process.stop()).toBe(0);
    await expectTruth(central, truth);
  },
);

test(
  "what is posted is durable when it is answered: kill -9 right after loses nothing",
  { timeout: 240_000 },
  async () => {
    let port = 0;
    const { central, site } = await prepare(async (works) => {
      port = await works.freePort();
      return { http: { port, users: [{ user: "bench", token: "secret" }] } };
    });
    await central.start();
    await site.start();
    const startMs = Date.now() - 60_000;
    const lines = Array.from(
      { length: 3_000 },
      (_, index) => `{"ts":${startMs + index * 10},"value":${index}}\n`,
    );
    const answer = await fetch(`http://127.0.0.1:${port}/topics/factory/alpha/1/m1/temperature`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson", authorization: "Bearer secret" },
      body: `${lines.join("")}nonsense\n`,
    });
    const written = await fetch(`http://127.0.0.1:${port}/api/v2/write?bucket=b&precision=s`, {
      method: "POST",
      headers: { authorization: "Token secret" },
      body: `cpu,host=a usage=3 ${Math.floor(startMs / 1000)}\n`,
    });
    await site.process.kill();
    expect(written.status).toBe(204);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      taken: 3_000,
      rejected: 1,
      rejections: [{ line: 3_001, reason: "malformed" }],
    });
    await site.start();
    const { ledger } = await site.delivered();
    expect([ledger.aggregated, ledger.rejected.malformed, ledger.ruleOnly]).toEqual([3_000, 1, 1]);
    expect(await site.process.stop()).toBe(0);
  },
);
