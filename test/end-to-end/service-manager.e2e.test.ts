// What a real agent says on a real notify socket, through systemd-notify as under systemd: ready, alive, stopping.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { PLAIN_PIPELINE } from "./pipeline.ts";
import { SiteHarness } from "./site-harness.ts";
import { until } from "./until.ts";
import { Works } from "./works.ts";

const UNIT = join(import.meta.dirname, "../../edge-agent/packaging/millrace-agent.service");
const hasAll = ["systemd-notify", "python3"].every((name) => spawnSync(name, ["--version"]).status === 0);
const hasAnalyze = spawnSync("systemd-analyze", ["--version"]).status === 0;

/** systemd's side of the socket: prints each message, and closes what comes with it, as the barrier asks. */
const RECEIVER = `
import array, os, socket, sys
listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listening.bind(sys.argv[1])
print("listening", flush=True)
while True:
    data, ancillary, _, _ = listening.recvmsg(65536, socket.CMSG_SPACE(64))
    for line in data.decode().split("\\n"):
        print(line, flush=True)
    for _, _, files in ancillary:
        for file in array.array("i", files[: len(files) - len(files) % 4]):
            os.close(file)
`;

test.skipIf(!hasAll)(
  "an agent tells systemd that it is ready, then keep-alives, then that it stops",
  { timeout: 240_000 },
  async () => {
    const works = new Works();
    const socket = works.path("notify");
    const receiver = spawn("python3", ["-c", RECEIVER, socket], { stdio: ["ignore", "pipe", "inherit"] });
    works.atEnd(() => void receiver.kill("SIGKILL"));
    const lines: string[] = [];
    receiver.stdout.on("data", (chunk: Buffer) => lines.push(...chunk.toString().trimEnd().split("\n")));
    await until("the receiver listens", () => lines.includes("listening"));
    vi.stubEnv("NOTIFY_SOCKET", socket);
    vi.stubEnv("WATCHDOG_USEC", "1000000");
    const pipelinePath = works.write("pipeline.yaml", PLAIN_PIPELINE);
    const site = await SiteHarness.prepare({
      works,
      agent: "alpha-1",
      site: "alpha",
      pipelinePath,
      uplinkPort: await works.freePort(),
    });
    await site.start();
    await until("it is ready", () => lines.includes("READY=1"));
    const has = (name: string) => lines.filter((line) => line.startsWith(name)).length;
    expect(lines.indexOf("EXTEND_TIMEOUT_USEC=60000000")).toBeGreaterThan(0);
    await until("three keep-alives", () => has("WATCHDOG=1") >= 3);
    expect(has("READY=1")).toBe(1);
    expect(lines.join("\n")).toMatch(/STATUS=link \w+, 0 batches wait for central, 0 active alarms/);
    const fromUs = process.hrtime.bigint() / 1_000n;
    process.kill(site.process.pid ?? 0, "SIGHUP");
    await until("the reload is told, and its end", () => has("RELOADING=1") === 1 && has("READY=1") === 2);
    const [, reloadedUs] = /MONOTONIC_USEC=(\d+)/.exec(lines.join("\n")) ?? [];
    expect(Number(BigInt(reloadedUs) - fromUs)).toBeGreaterThanOrEqual(0);
    expect(lines.indexOf("RELOADING=1")).toBeLessThan(lines.lastIndexOf("READY=1"));
    expect(has("STOPPING=1")).toBe(0);
    expect(await site.process.stop()).toBe(0);
    await until("the stop is told", () => lines.includes("STOPPING=1"));
  },
);

test("the unit waits for READY, hears the agent's child, leaves a stop its time, and keeps the allocator small", () => {
  const unit = readFileSync(UNIT, "utf8");
  for (const line of [
    "Type=notify",
    "NotifyAccess=all",
    "Restart=always",
    "TimeoutStopSec=40",
    "Environment=MALLOC_ARENA_MAX=1",
    "Environment=MALLOC_TRIM_THRESHOLD_=131072",
  ])
    expect(unit.split("\n")).toContain(line);
});

test.skipIf(!hasAnalyze)("systemd understands every line of the unit", () => {
  const works = new Works();
  // Programs and users of a gateway are not there on this machine.
  const text = readFileSync(UNIT, "utf8").replaceAll("/usr/local/bin/millrace-agent", "/bin/true");
  const unit = works.write("millrace-agent.service", text);
  const { status, stderr } = spawnSync("systemd-analyze", ["verify", unit], { encoding: "utf8" });
  expect(stderr.split("\n").filter((line) => line.includes("millrace-agent"))).toEqual([]);
  expect(status).toBe(0);
});
