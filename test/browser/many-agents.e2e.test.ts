// A real browser before an invented plant of forty sites: who is silent is seen first, and the page is no endless one.
import type { WindowResult } from "@millrace/stream";
import { expect, test } from "vitest";
import type { AgentView } from "../../central/dashboard/feed/live-frames.ts";
import { FixturePlant } from "../../central/dashboard/fixture-plant.ts";
import { startFixtureServer } from "../../central/dashboard/fixture-server.ts";
import { buildDashboard } from "../../central/src/dashboard-build.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { DashboardPage, hasChromium } from "./dashboard-page.ts";

const SITES = Array.from({ length: 40 }, (_, at) => `site-${String(at + 1).padStart(2, "0")}`);
/** By the place of the site. */
const ODD = new Map<number, Partial<AgentView>>([
  [8, { status: { pipelineRefused: "9f02c41be7aa", pipelineRefusedReason: "4:9: unit is missing" } }],
  [12, { state: "silent" }],
  [20, { clockOffsetMs: 4_200 }],
  [27, { state: "never_seen", lastSeenMs: null, watermarkMs: null, clockOffsetMs: null, status: {} }],
  [33, { state: "silent" }],
  [39, { state: "retired" }],
]);
const HEIGHT_PX_MAX = 3_000;

/** Every site measures what alpha does; nothing has come of any for a minute. */
class FortySites extends FixturePlant {
  override snapshot() {
    const snapshot = super.snapshot();
    const endMs = snapshot.serverTimeMs - 60_000;
    const windows = snapshot.windows.filter(
      (result) => result.group["site"] === "alpha" && result.endMs < endMs,
    );
    return {
      ...snapshot,
      agents: fortyOf(snapshot.agents, snapshot.serverTimeMs),
      windows: SITES.flatMap((site, at) => windows.map((result) => ofSite(result, site, at))),
    };
  }

  override advance(nowMs: number) {
    const { seq, serverTimeMs, agents = [] } = super.advance(nowMs);
    return { seq, serverTimeMs, agents: fortyOf(agents, serverTimeMs) };
  }
}

function fortyOf([alpha]: readonly AgentView[], nowMs: number): AgentView[] {
  if (alpha === undefined) throw new Error("the plant has no agent");
  return SITES.map((site, at) => {
    const odd = ODD.get(at) ?? {};
    const awayMs = odd.state === "silent" ? 90_000 : 0;
    const { maintenance: _, ...plain } = alpha;
    const lastSeenMs = nowMs - awayMs;
    return { ...plain, agent: `${site}-gateway`, site, lastSeenMs, watermarkMs: lastSeenMs - 1_200, ...odd };
  });
}

function ofSite(result: WindowResult, site: string, at: number): WindowResult {
  const { mean = 0 } = result.values;
  return { ...result, group: { site }, values: { ...result.values, mean: mean * (1 + at / 100) } };
}

test.skipIf(!hasChromium)(
  "of forty agents those that need attention come first, one line each, and any is found and opened with the keyboard",
  async () => {
    const works = new Works();
    await buildDashboard({ outFolder: works.path("dist") });
    const server = await startFixtureServer(works.path("dist"), new FortySites(Date.now()));
    works.atEnd(() => server.close());
    const page = await DashboardPage.open(works, server.url);
    await until("they are there", async () => (await page.agents()).length === 20);
    expect(await page.agentCounts()).toBe("36 connected 2 silent 1 never seen 1 retired");
    expect((await page.agents()).slice(0, 6)).toEqual([
      expect.stringMatching(
        /^site-13-gateway silent for .+ site-13 heard ago 1 min \d+ s behind 1 min \d+ s$/,
      ),
      expect.stringMatching(/^site-34-gateway silent for/),
      expect.stringMatching(/^site-28-gateway never seen/),
      expect.stringMatching(/^site-21-gateway connected .+ clock off$/),
      expect.stringMatching(/^site-09-gateway connected .+ pipeline refused$/),
      expect.stringMatching(/^site-01-gateway connected/),
    ]);
    for (const width of [1920, 1280, 390]) expect(await page.overflowAt(width), `${width} px`).toBe(0);
    expect(await page.heightAt(1280)).toBeLessThan(HEIGHT_PX_MAX);

    await page.showAllAgents();
    expect((await page.agents()).length).toBe(40);
    expect((await page.agents()).at(-1)).toMatch(/^site-40-gateway retired/);

    await page.seekAgent("STATE-OF-NOBODY");
    expect(await page.agents()).toEqual([]);
    // Letters that are keys of the page elsewhere: none of them takes the focus away.
    await page.seekAgent("silent was");
    expect(await page.agents()).toEqual([]);
    await page.seekAgent("silent");
    expect((await page.agents()).length).toBe(2);
    await page.seekAgent("site-09");
    expect(await page.openWithKeyboard("site-09-gateway")).toMatch(/Pipeline 9f02c41be7aa refused: 4:9/);
    expect(page.complaints).toEqual([]);
  },
);
