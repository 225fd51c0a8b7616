// `node scripts/picture.ts`: starts the line as `npm start` does and photographs its dashboard for the README, in the file
// docs/picture/dashboard.png. Shortly before, the gateway of site beta is stopped dead, so that the picture shows an outage.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@millrace/runtime";
import { chromium } from "playwright-core";
import { poll } from "./start/poll.ts";
import { checkoutPath } from "./start/run-folder.ts";

const PICTURE = checkoutPath("docs/picture/dashboard.png");
const BYTES_MAX = 400_000;
const SIZE = { width: 1440, height: 940 };
/** The newcomer's plan overheats a machine within these, stops it and starts it again. */
const RUN_MS = 90_000;
const SILENT_AGENT = "beta-gateway";
const SILENT_MS = 26_000;

async function takePicture(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-picture-"));
  const port = await findFreePort({
    host: "127.0.0.1",
    port: 18_080,
    purpose: "the dashboard",
    setting: "none",
  });
  const url = `http://127.0.0.1:${port}/`;
  const line = spawn(
    process.execPath,
    [checkoutPath("scripts/start.ts"), "--port", String(port), "--data", folder],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const ended = new Promise((resolve) => line.on("close", resolve));
  let silentPid: number | undefined;
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const signal = new AbortController().signal;
    const isUp = await poll(async () => (await fetch(`${url}readyz`)).ok || undefined, {
      everyMs: 200,
      limitMs: 30_000,
      signal,
    });
    if (isUp === undefined) throw new Error("cannot photograph the dashboard: the line is not up after 30 s");
    const page = await browser.newPage({
      viewport: SIZE,
      colorScheme: "light",
      locale: "en",
      timezoneId: "UTC",
    });
    await page.goto(url);
    await page.waitForTimeout(RUN_MS - SILENT_MS);
    const pid = holderOf(join(folder, SILENT_AGENT, "store.holder"));
    process.kill(pid, "SIGSTOP");
    silentPid = pid;
    await page.waitForTimeout(SILENT_MS);
    await page.screenshot({ path: PICTURE });
  } finally {
    await browser.close();
    if (silentPid !== undefined) process.kill(silentPid, "SIGCONT");
    line.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
  const { size } = statSync(PICTURE);
  process.stdout.write(`${PICTURE}: ${Math.round(size / 1000)} KB\n`);
  return size <= BYTES_MAX ? 0 : 1;
}

function holderOf(path: string): number {
  const { pid }: { pid: number } = JSON.parse(readFileSync(path, "utf8"));
  return pid;
}

process.exitCode = await takePicture();
