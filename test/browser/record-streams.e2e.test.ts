// A real browser before a real central that has records and no agents.
import { expect, test } from "vitest";
import { CentralHarness } from "../end-to-end/central-harness.ts";
import { until } from "../end-to-end/until.ts";
import { Works } from "../end-to-end/works.ts";
import { DashboardPage, hasChromium } from "./dashboard-page.ts";

const pipeline = {
  version: 1,
  metrics: {
    amount: {
      unit: "EUR",
      from: {
        records: "orders",
        json: { id: "$.id", time: { path: "$.at", unit: "ms" }, value: "$.amount" },
      },
      accumulate: ["count", "sum"],
    },
  },
  windows: { amount_1m: { metric: "amount", size: "1m" } },
};

test.skipIf(!hasChromium)(
  "records are on the page as records, and no agent is missed where none is expected",
  { timeout: 120_000 },
  async () => {
    const works = new Works();
    const central = await CentralHarness.prepare({
      works,
      pipelinePath: works.write("pipeline.yaml", pipeline),
      agents: [],
      config: { records: { orders: { http: {} } } },
    });
    await central.start();
    const url = `http://127.0.0.1:${central.httpPort}`;
    const page = await DashboardPage.open(works, `${url}/`);
    await until("the page is live", async () => (await page.connection()) === "live");
    // In a minute that is over, for counts and sums of an open one are not drawn.
    const at = Date.now() - 60_000;
    const orders = [1, 2, 2].map((id) => JSON.stringify({ id, at, amount: 9.5 }));
    const body = [...orders, "no order"].join("\n");
    await fetch(`${url}/api/v1/records/orders`, { method: "POST", body });
    await until("its stream is there", async () =>
      /received 4 in windows 2 duplicates 1 rejected 1$/i.test(await page.stream("orders")),
    );
    const text = await page.text();
    expect(text).toMatch(/Records received\s*4\s*rejected: 1/);
    expect(text).not.toMatch(/No agent|Sites reporting|Readings received/);
    expect((await page.latest("amount", "*")).value).toBe("2");
    await page.chooseMeasure("amount", "sum");
    expect((await page.latest("amount", "*")).value).toBe("19.0 EUR");
    expect(await page.windows()).toMatchObject([{ Window: "amount_1m", Count: "2", Sum: "19.0 EUR" }]);
    for (const width of [1280, 375]) expect(await page.overflowAt(width), `${width} px`).toBe(0);
    expect(page.complaints).toEqual([]);
  },
);
