// `npm start`: central, two sites' agents, this machine's own agent and a simulator, each a process of its own.
import { MILLRACE_VERSION, MillraceError, onStopSignals, reasonOf, toExitCode } from "@millrace/runtime";
import { LevelStore } from "@millrace/queue";
import { buildDashboard } from "../central/src/dashboard-build.ts";
import { finalReport } from "./start/final-report.ts";
import { Line } from "./start/line.ts";
import { openBrowser } from "./start/open-browser.ts";
import { RunFolder } from "./start/run-folder.ts";
import { StartFailure } from "./start/start-failure.ts";
import { StageLog } from "./start/stage-log.ts";
import { parseStartOptions, START_HELP, type StartOptions } from "./start/start-options.ts";
import { watchLine } from "./start/status-watch.ts";

/** Two that start at the same moment choose the same ports; the one that loses chooses again. */
const PORT_CHOICES_MAX = 4;

async function start(options: StartOptions): Promise<number> {
  const log = new StageLog();
  const folder = new RunFolder(options.dataFolder, new Date());
  // An empty store for its lock: the operating system's, so it ends with this process, however that ends.
  const lock = await LevelStore.open({ path: folder.lock, kind: "central", version: 2, pid: process.pid });
  log.line(`Millrace ${MILLRACE_VERSION}; this run's files are in ${folder.path}`);

  const stopAsked = Promise.withResolvers<"signal">();
  let line: Line | undefined;
  onStopSignals({
    stop: () => {
      log.stage("stopping in order; Ctrl-C again stops at once");
      stopAsked.resolve("signal");
    },
    force: () => {
      line?.kill();
      process.exit(130);
    },
  });

  await buildDashboard();
  log.stage("dashboard is built");
  const prepare = () => Line.prepare({ folder, log, dashboardPort: options.port });
  line = await prepare();
  try {
    let isUp = false;
    for (let choiceCount = 1; ; choiceCount += 1) {
      try {
        isUp = await Promise.race([line.start().then(() => true), stopAsked.promise.then(() => false)]);
        break;
      } catch (error) {
        await line.abandon();
        const isWorthAnother = error instanceof StartFailure && error.isPortTaken;
        if (!isWorthAnother || choiceCount === PORT_CHOICES_MAX) throw error;
        log.stage("another program took a port meanwhile; choosing again");
        line = await prepare();
      }
    }
    const startedMs = performance.now();
    const watch = isUp ? watchLine(line, log) : null;
    if (isUp) {
      log.line(
        `\n  Dashboard: ${line.dashboardUrl}\n  ${options.forMs === null ? "Ctrl-C stops everything in order" : `Stops by itself after ${options.forMs / 1_000} s`}\n`,
      );
      if (options.isOpened) openBrowser(line.dashboardUrl);
    }
    const end = isUp ? await Promise.race([stopAsked.promise, elapsed(options.forMs)]) : "signal";
    const ranMs = performance.now() - startedMs;
    await line.stopSources();
    await watch?.end();
    if (end === "signal" || watch === null) {
      await line.stopCentral();
      return 0;
    }
    const failures = await finalReport({ line, folder, log, ranMs });
    await line.stopCentral();
    for (const failure of failures) log.line(`✗ ${failure}`);
    log.line(
      failures.length === 0
        ? "✓ the ledger adds up and everything is as the simulator's truth says"
        : `The logs are in ${folder.path}`,
    );
    return failures.length === 0 ? 0 : 1;
  } finally {
    line.kill();
    await lock.close();
  }
}

function elapsed(forMs: number | null): Promise<"elapsed"> {
  return new Promise((resolve) => {
    if (forMs !== null) setTimeout(() => resolve("elapsed"), forMs);
  });
}

let exitCode: number;
try {
  const options = parseStartOptions(process.argv.slice(2));
  if (options.isHelp) process.stdout.write(`${START_HELP}\n`);
  exitCode = options.isHelp ? 0 : await start(options);
} catch (error) {
  process.stderr.write(`${error instanceof MillraceError ? error.explain() : reasonOf(error)}\n`);
  exitCode = toExitCode(error);
}
process.exit(exitCode);
