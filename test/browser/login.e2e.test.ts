// A real browser before a central that knows its users: no login, no data; a wrong one is told; out is out.
import { expect, test } from "vitest";
import { passwordHash } from "@millrace/runtime";
import { CentralHarness } from "../end-to-end/central-harness.ts";
import { machineMetric } from "../end-to-end/pipeline.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { DashboardPage, hasChromium } from "./dashboard-page.ts";

test.skipIf(!hasChromium)(
  "the page asks for a login, tells a wrong one, is live after the right one, and asks again after the logout",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const pipelinePath = works.write("pipeline.yaml", {
      version: 1,
      metrics: { temperature: machineMetric("temperature", "°C") },
      windows: { temperature_1s: { metric: "temperature", size: "1s", by: ["site"] } },
    });
    const port = await works.freePort();
    const users = [{ user: "alice", passwordHash: await passwordHash("right one"), role: "operate" }];
    const central = await CentralHarness.prepare({
      works,
      pipelinePath,
      agents: [{ agent: "alpha-1", site: "alpha" }],
      config: { http: { port, users } },
    });
    central.process.start();
    await central.process.ready(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
    const page = await DashboardPage.open(works, `http://127.0.0.1:${port}/`);
    await until("a login is asked for", () => page.isLoginAsked());
    expect(await page.text()).not.toContain("alpha");
    await page.logIn("alice", "wrong one");
    await until("it is told that it is wrong", async () => /is wrong/.test(await page.loginProblem()));
    await page.logIn("alice", "right one");
    await until("the page is live", async () => (await page.text()).includes("alpha-1"));
    expect(await page.connection()).toBe("live");
    await page.logOut();
    await until("a login is asked for again", () => page.isLoginAsked());
    expect(await page.text()).not.toContain("alpha");
  },
);
