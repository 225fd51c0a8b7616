import { existsSync } from "node:fs";
import { chromium, type Locator, type Page } from "playwright-core";
import { until } from "../end-to-end/until.ts";
import type { Works } from "../end-to-end/works.ts";

export const CHROMIUM = "/usr/bin/chromium";
export const hasChromium = existsSync(CHROMIUM);

const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const SIZE = { width: 1440, height: 1000 };

export interface TableCell {
  /** Local time of the window's end, as shown. */
  readonly time: string;
  /** As shown; null for "no data". */
  readonly value: string | null;
}

/** Central's page in a real browser, read as a person reads it. What the browser complains of is kept. */
export class DashboardPage {
  readonly complaints: string[] = [];
  readonly requestedOrigins = new Set<string>();
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
    page.on("pageerror", (error) => this.complaints.push(`error: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    page.on("request", (request) => this.requestedOrigins.add(new URL(request.url()).origin));
  }

  static async open(works: Works, url: string): Promise<DashboardPage> {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
    works.atEnd(() => browser.close());
    const page = await browser.newPage({ viewport: SIZE, locale: "en", timezoneId: "UTC" });
    const dashboard = new DashboardPage(page);
    await page.goto(url);
    return dashboard;
  }

  async logIn(user: string, password: string): Promise<void> {
    await this.#byId("login-user").fill(user);
    await this.#byId("login-password").fill(password);
    await this.#byId("login").click();
  }

  loginProblem(): Promise<string> {
    return this.#byId("login-problem").innerText();
  }

  logOut(): Promise<void> {
    return this.#byId("logout").click();
  }

  isLoginAsked(): Promise<boolean> {
    return this.#byId("login").isVisible();
  }

  connection(): Promise<string | null> {
    return this.#byId("connection").getAttribute("data-state");
  }

  /** All that stands on it, as it is in the document. */
  text(): Promise<string> {
    return this.#page.locator("body").innerText();
  }

  /** By how many pixels something is wider than the page, or than its own panel, in a window of this width. */
  async overflowAt(width: number): Promise<number> {
    await this.#page.setViewportSize({ width, height: SIZE.height });
    const boxes = this.#page.locator("html, .panel");
    return boxes.evaluateAll((all) =>
      Math.max(...all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)),
    );
  }

  /** How high the page is in a window of this width. */
  async heightAt(width: number): Promise<number> {
    await this.#page.setViewportSize({ width, height: SIZE.height });
    return this.#page.locator("html").evaluate(({ scrollHeight }) => scrollHeight);
  }

  /** The lines of the list of many agents, as they are read out. */
  async agents(): Promise<string[]> {
    const lines = await this.#page.locator("#agents .agent-row > details > summary").allInnerTexts();
    return lines.map((line) => line.replaceAll(/\s+/g, " ").trim());
  }

  async agentCounts(): Promise<string> {
    return (await this.#byId("agent-counts").innerText()).replaceAll(/\s+/g, " ").trim();
  }

  async showAllAgents(): Promise<void> {
    await this.#page
      .locator("#agents")
      .getByRole("button", { name: /^Show \d+ more$/ })
      .click();
  }

  /** Writes what is sought, letter by letter. */
  async seekAgent(words: string): Promise<void> {
    const field = this.#page.locator("#agents").getByRole("searchbox");
    await field.fill("");
    await field.pressSequentially(words);
  }

  /** Goes to an agent's line by key and opens it; what stands there then. */
  async openWithKeyboard(agent: string): Promise<string> {
    const line = this.#byId(`agent-${agent}`);
    await line.locator("summary").first().focus();
    await this.#page.keyboard.press("Enter");
    await line.locator(".agent-facts").waitFor();
    return line.innerText();
  }

  agentState(agent: string): Promise<string | null> {
    return this.#byId(`agent-${agent}`).getAttribute("data-state");
  }

  /** What stands under one of an agent's facts, as `pipeline`. */
  agentFact(agent: string, fact: string): Promise<string> {
    return this.#byId(`agent-${agent}`).locator(`[data-fact=${fact}] dd`).innerText();
  }

  /** What stands of a stream of records, on one line. */
  async stream(stream: string): Promise<string> {
    const [text = ""] = await this.#byId(`stream-${stream}`).allInnerTexts();
    return text.replaceAll(/\s+/g, " ").trim();
  }

  /** What is in maintenance at an agent, on one line. */
  async maintenance(agent: string): Promise<string> {
    const lines = await this.#byId(`maintenance-${agent}`).allInnerTexts();
    return lines.join(" ").replaceAll(/\s+/g, " ").trim();
  }

  /** Opens a list of evidence, of an agent or of an alarm by its id, and reads what it says on one line. */
  async evidence(of: string): Promise<string> {
    const list = this.#byId(`evidence-${of}`);
    if ((await list.getAttribute("open")) === null) await list.locator("summary").click();
    return (await list.innerText()).replaceAll(/\s+/g, " ").trim();
  }

  /** Saves a piece of such a list, as a person does with a click; where it lies then. */
  async saveEvidence(of: string, name: string): Promise<string> {
    const saved = this.#page.waitForEvent("download");
    await this.#byId(`evidence-${of}`).getByRole("link", { name }).click();
    return (await saved).path();
  }

  sitesReporting(): Promise<string> {
    return this.#byId("sites-reporting").locator("dd b").first().innerText();
  }

  async received(): Promise<number> {
    const text = await this.#byId("ledger-received").locator("dd b").innerText();
    return Number(text.replaceAll(",", ""));
  }

  /** The big number of a line, "–" when it has none, with what stands below it. */
  async latest(metric: string, line: string): Promise<{ value: string; age: string }> {
    const item = this.#chart(metric).locator(".latest li", { hasText: line });
    return {
      value: (await item.locator("b").innerText()).trim(),
      age: (await item.locator(".age").innerText()).trim(),
    };
  }

  /** The values that a metric's chart offers, by their names on the page; the chosen one first. */
  async measures(metric: string): Promise<string[]> {
    const options = await this.#choice(metric).locator("option").all();
    const names = await Promise.all(options.map((option) => option.innerText()));
    const chosen = await this.#choice(metric).locator("option:checked").innerText();
    return [chosen, ...names.filter((name) => name !== chosen)];
  }

  async chooseMeasure(metric: string, name: string): Promise<void> {
    await this.#choice(metric).selectOption({ label: name });
  }

  /** By a letter, as one finds it from the keyboard; whether the choice has kept the focus. */
  async typeMeasure(metric: string, letter: string): Promise<boolean> {
    await this.#choice(metric).focus();
    await this.#page.keyboard.press(letter);
    return (await this.#choice(metric).and(this.#page.locator(":focus")).count()) === 1;
  }

  /** What the chart is called for those who do not see it: its lines and their latest values. */
  async summary(metric: string): Promise<string> {
    return (await this.#chart(metric).getAttribute("aria-label")) ?? "";
  }

  /** How many points of a chart have a colour of the page, such as `--line-1`. */
  pixelsOf(metric: string, colour: string): Promise<number> {
    const canvas = this.#chart(metric).locator("canvas");
    return canvas.evaluate((drawn, property) => {
      const styles = drawn.ownerDocument.defaultView.getComputedStyle(drawn);
      const hex: string = styles.getPropertyValue(property).trim();
      const wanted = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
      const { data } = drawn.getContext("2d").getImageData(0, 0, drawn.width, drawn.height);
      let count = 0;
      for (let at = 0; at < data.length; at += 4)
        if (wanted.every((value, part) => data[at + part] === value)) count += 1;
      return count;
    }, colour);
  }

  reload(): Promise<unknown> {
    return this.#page.reload();
  }

  async chooseWindow(name: string): Promise<void> {
    await this.#page.locator("#windows .tabs").getByRole("button", { name, exact: true }).click();
  }

  /** The table of windows: what stands in each row, by the heads of the columns. */
  async windows(): Promise<Record<string, string>[]> {
    const heads = await this.#page.locator("#windows thead th").allInnerTexts();
    const rows = await this.#byId("window-row").evaluateAll((all) =>
      all.map((row) => [...row.querySelectorAll("td")].map(({ innerText }) => innerText)),
    );
    return rows.map((cells) =>
      Object.fromEntries(
        heads.map((head, at) => [head.trim(), (cells[at] ?? "").replaceAll(/\s+/g, " ").trim()]),
      ),
    );
  }

  async showTable(metric: string): Promise<void> {
    const button = this.#chart(metric).locator("figcaption button");
    if ((await button.getAttribute("aria-pressed")) === "false") await button.click();
  }

  async showChart(metric: string): Promise<void> {
    const button = this.#chart(metric).locator("figcaption button");
    if ((await button.getAttribute("aria-pressed")) === "true") await button.click();
  }

  /** A line's column of the table that `showTable` opened, oldest first. */
  async column(metric: string, line: string): Promise<TableCell[]> {
    const table = this.#chart(metric).locator("table");
    const names = (await table.locator("thead th").allInnerTexts()).map((text) => text.trim());
    const at = names.indexOf(line);
    if (at < 1) throw new Error(`the table has no column ${line}: ${names.join()}`);
    // One read of the whole text, so that the rows are of one moment.
    const rows = (await table.locator("tbody").innerText()).split("\n").map((row) => row.split("\t"));
    return rows
      .map((cells) => {
        const text = cells[at]?.trim() ?? "";
        return { time: cells[0]?.trim() ?? "", value: text === "no data" ? null : text };
      })
      .reverse();
  }

  /** The rows of the alarm list: what each says, on one line. */
  async alarms(): Promise<{ text: string; action: string; isActive: boolean }[]> {
    const rows = await this.#page.locator("#alarms li").all();
    return Promise.all(
      rows.map(async (row) => ({
        text: (await row.innerText()).replaceAll(/\s+/g, " ").trim(),
        action: (await row.locator("[data-action]").getAttribute("data-action")) ?? "",
        isActive: (await row.getAttribute("data-active")) === "true",
      })),
    );
  }

  /** Clicks as a person does: reset, and yes. */
  async resetAlarm(): Promise<void> {
    const control = this.#byId("reset");
    await control.getByRole("button", { name: "Reset", exact: true }).click();
    await control.getByRole("button", { name: "Yes, reset" }).click();
  }

  /** Waits until `is`, and says how long that took. */
  async timed(what: string, is: () => Promise<boolean>, limitMs = 30_000): Promise<number> {
    const startedMs = performance.now();
    await until(what, is, limitMs);
    return Math.round(performance.now() - startedMs);
  }

  async screenshot(path: string): Promise<void> {
    await this.#page.screenshot({ path, fullPage: true });
  }

  #choice(metric: string): Locator {
    return this.#chart(metric).locator("select");
  }

  #chart(metric: string): Locator {
    return this.#byId(`chart-${metric}`);
  }

  #byId(id: string): Locator {
    return this.#page.getByTestId(id);
  }
}
