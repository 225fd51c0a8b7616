// A real browser before an invented plant where somebody has named a machine to look like another.
import { expect, test } from "vitest";
import { buildDashboard } from "../../central/src/dashboard-build.ts";
import { FixturePlant } from "../../central/dashboard/fixture-plant.ts";
import { startFixtureServer } from "../../central/dashboard/fixture-server.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { DashboardPage, hasChromium } from "./dashboard-page.ts";

class HostilePlant extends FixturePlant {
  override snapshot() {
    return renamed(super.snapshot());
  }

  override advance(nowMs: number) {
    return renamed(super.advance(nowMs));
  }
}

function renamed<Frame>(frame: Frame): Frame {
  return JSON.parse(JSON.stringify(frame).replaceAll("press-3", "l\u202eevil \u009b31mp"));
}

test.skipIf(!hasChromium)(
  "names with bidi marks and control characters are shown with a dot for each",
  async () => {
    const works = new Works();
    await buildDashboard({ outFolder: works.path("dist") });
    const server = await startFixtureServer(works.path("dist"), new HostilePlant(Date.now()));
    works.atEnd(() => server.close());
    const page = await DashboardPage.open(works, server.url);
    await until("the page is live", async () => (await page.connection()) === "live");
    await until("its name is there", async () => /l·evil ·31mp/.test(await page.text()));
    expect(await page.text()).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u0080-\u009f]/);
    expect(page.complaints).toEqual([]);
  },
);
