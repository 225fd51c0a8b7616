// A real browser before an invented plant whose windows lack sixty partitions.
import { expect, test } from "vitest";
import { FixturePlant } from "../../central/dashboard/fixture-plant.ts";
import { startFixtureServer } from "../../central/dashboard/fixture-server.ts";
import { buildDashboard } from "../../central/src/dashboard-build.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { DashboardPage, hasChromium } from "./dashboard-page.ts";

const PARTITIONS = Array.from({ length: 60 }, (_, at) => `card-payments/${at}`);

class PartitionedPlant extends FixturePlant {
  override snapshot() {
    const snapshot = super.snapshot();
    const metrics = snapshot.pipeline.metrics.map((metric) => ({
      ...metric,
      records: { stream: "card-payments" },
    }));
    return {
      ...snapshot,
      pipeline: { ...snapshot.pipeline, metrics },
      windows: snapshot.windows.map((result) => ({
        ...result,
        completeness: {
          ...result.completeness,
          agentsExpected: PARTITIONS.length,
          agentsReporting: 0,
          agentsMissing: PARTITIONS,
        },
      })),
    };
  }

  override advance(nowMs: number) {
    return { ...super.advance(nowMs), windows: [] };
  }
}

test.skipIf(!hasChromium)(
  "a window that lacks many partitions names a few, and is no wider than the page",
  async () => {
    const works = new Works();
    await buildDashboard({ outFolder: works.path("dist") });
    const server = await startFixtureServer(works.path("dist"), new PartitionedPlant(Date.now()));
    works.atEnd(() => server.close());
    const page = await DashboardPage.open(works, server.url);
    await until("they are missing", async () =>
      /0 of 60 partitions — missing: card-payments\/0, card-payments\/1, card-payments\/2 and 57 more/.test(
        await page.text(),
      ),
    );
    for (const width of [1920, 1280, 375]) expect(await page.overflowAt(width), `${width} px`).toBe(0);
    expect(page.complaints).toEqual([]);
  },
);
