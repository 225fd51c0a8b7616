// A real browser before an invented plant whose windows say more than a mean: what of it is drawn, and what the table tells.
import { expect, test } from "vitest";
import type { WindowResult } from "@millrace/stream";
import { FixturePlant } from "../../central/dashboard/fixture-plant.ts";
import { startFixtureServer } from "../../central/dashboard/fixture-server.ts";
import { buildDashboard } from "../../central/src/dashboard-build.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { DashboardPage, hasChromium } from "./dashboard-page.ts";

/** Temperature is of agents, as it is; the others are of records. */
class SpokenPlant extends FixturePlant {
  override snapshot() {
    const snapshot = super.snapshot();
    const metrics = snapshot.pipeline.metrics.map((metric) =>
      metric.name === "temperature" ? metric : { ...metric, records: { stream: metric.name } },
    );
    return {
      ...snapshot,
      pipeline: { ...snapshot.pipeline, metrics },
      windows: snapshot.windows.map(withMore),
    };
  }

  override advance(nowMs: number) {
    const delta = super.advance(nowMs);
    return { ...delta, windows: (delta.windows ?? []).map(withMore) };
  }
}

/** Sums of as many digits whenever it is looked at, and a line of them that rises and falls, apart from the other sites'. */
function withMore(result: WindowResult): WindowResult {
  const sum = (result.group["site"] === "alpha" ? 1_200 : 2_200) + ((result.startMs / 5_000) % 30);
  const { count = 0, mean = 0, max = 0 } = result.values;
  const valuesOf: Record<string, Record<string, number>> = {
    temperature: { ...result.values, sum },
    vibration: { count, p50: mean, p90: 1.2 * mean, p95: 1.3 * mean, p99: max },
    pressure: { count, ratio: 0.125 },
    cpu_load: { count, sum: 1_234_567, distinct: 123_456, distinctError: 98.4, le_10: 3, le_inf: count },
  };
  return { ...result, values: valuesOf[result.metric] ?? result.values };
}

async function startPage() {
  const works = new Works();
  await buildDashboard({ outFolder: works.path("dist") });
  const server = await startFixtureServer(works.path("dist"), new SpokenPlant(Date.now()));
  works.atEnd(() => server.close());
  const page = await DashboardPage.open(works, server.url);
  await until("the page is live", async () => (await page.connection()) === "live");
  return page;
}

test.skipIf(!hasChromium)(
  "a chart shows the value that is chosen, from the first window on, and still after a reload",
  async () => {
    const page = await startPage();
    expect(await page.measures("temperature")).toEqual(["mean", "count", "sum", "min", "max"]);
    expect(await page.measures("vibration")).toEqual(["count", "p50", "p90", "p95", "p99"]);
    expect(await page.measures("pressure")).toEqual(["ratio", "count"]);
    expect(await page.measures("cpu_load")).toEqual(["count", "sum", "distinct"]);
    expect(await page.summary("temperature")).toMatch(/^temperature, mean: alpha [\d.]+ °C/);
    expect(await page.summary("vibration")).toMatch(/^vibration, count: alpha \d+,/);

    await page.chooseMeasure("temperature", "sum");
    expect(await page.summary("temperature")).toMatch(/^temperature, sum: alpha [\d,]+ °C/);
    expect((await page.latest("temperature", "alpha")).value).toMatch(/^1,2\d\d °C$/);
    expect(await page.pixelsOf("temperature", "--line-1")).toBeGreaterThan(100);
    await page.showTable("temperature");
    const sums = (await page.column("temperature", "alpha")).map(({ value }) => value ?? "");
    expect(sums.filter((value) => /1,2\d\d °C$/.test(value)).length).toBeGreaterThan(10);

    await page.reload();
    await until("it is chosen still", async () => (await page.measures("temperature"))[0] === "sum");
    expect(await page.typeMeasure("vibration", "p")).toBe(true);
    expect((await page.measures("vibration"))[0]).toBe("p50");
    expect((await page.latest("vibration", "alpha")).value).toMatch(/ mm\/s$/);
    expect(page.complaints).toEqual([]);
  },
);

test.skipIf(!hasChromium)("the table of windows has sums, and what has no column of its own", async () => {
  const page = await startPage();
  const [latest] = await page.windows();
  expect(Object.keys(latest ?? {}).slice(3, -3)).toEqual([
    "Count",
    "Sum",
    "Mean",
    "Min",
    "Max",
    "Other values",
  ]);
  for (const width of [1920, 1440, 1280, 390, 360])
    expect(await page.overflowAt(width), `${width} px`).toBe(0);
  await page.chooseWindow("vibration_5s");
  expect((await page.windows())[0]).not.toHaveProperty("Sum");
  const [vibration] = await page.windows();
  expect(vibration?.["Other values"]).toMatch(
    /^p50 [\d.]+ mm\/s p90 [\d.]+ mm\/s p95 [\d.]+ mm\/s p99 [\d.]+ mm\/s$/,
  );
  await page.chooseWindow("cpu_10s");
  const [load] = await page.windows();
  expect(load?.["Sum"]).toBe("1,234,567 %");
  expect(load?.["Other values"]).toBe("distinct 123,456 ± 99 ≤ 10 3");
  await page.chooseWindow("pressure_10s");
  expect((await page.windows())[0]?.["Other values"]).toBe("ratio 0.125");
  expect(page.complaints).toEqual([]);
});
