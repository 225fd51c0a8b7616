import { join } from "node:path";
import { isSea } from "node:sea";
import { formatProblem } from "@millrace/config";
import { LevelStore } from "@millrace/queue";
import {
  createLogger,
  formatVersion,
  onReloadSignal,
  onStopSignals,
  prepareDataFolder,
  reasonOf,
  urlHost,
} from "@millrace/runtime";
import type { Command, ExitCode, Logger } from "@millrace/runtime";
import { embeddedAssets, folderAssets } from "../api/assets.ts";
import type { Assets } from "../api/assets.ts";
import { refuseUnfinishedRestore } from "../backup/restored-store.ts";
import { CentralService } from "../central-service.ts";
import { centralVersion } from "../central-version.ts";
import { CENTRAL_STORE_FORMAT } from "../state/central-state.ts";
import { CONFIG_FLAG } from "./config-flag.ts";
import { loadBoth } from "./load-both.ts";

export const RUN_COMMAND: Command = {
  summary: "run central until it is stopped",
  details:
    "Ctrl-C or SIGTERM stops in order: what has arrived is committed and acknowledged first. A second one stops at once. SIGHUP takes over the agents, users, tokens and certificates of central.yaml.",
  flags: { config: CONFIG_FLAG },
  run: ({ flags }) => run(flags.requiredText("config")),
};

async function run(configPath: string): Promise<ExitCode> {
  const { config, warnings, pipeline } = loadBoth(configPath);
  const log = createLogger({ level: config.logLevel });
  const { promise: started, resolve: hasStarted } = Promise.withResolvers<CentralService>();
  // Before all that takes its time: without a listener the signal would end the process.
  onReloadSignal(() => void started.then((service) => reload(configPath, service, log)));
  log.info(formatVersion(centralVersion()), { config: config.path, pipeline: config.pipelinePath });
  for (const warning of [...warnings, ...pipeline.warnings]) log.warn(formatProblem(warning));
  prepareDataFolder(config.dataFolder);
  const storePath = join(config.dataFolder, "store");
  refuseUnfinishedRestore(storePath);
  const store = await LevelStore.open({
    path: storePath,
    kind: "central",
    version: CENTRAL_STORE_FORMAT,
    pid: process.pid,
    log,
  });
  // Before anything is written that an older program would not find.
  if (store.versionFound < CENTRAL_STORE_FORMAT) await store.stampVersion();
  const { promise: exit, resolve } = Promise.withResolvers<ExitCode>();
  const assets = await dashboardAssets(log);
  const service = await CentralService.start({
    config,
    pipeline: pipeline.config,
    store,
    assets,
    log,
    onFailed: () => void service.stop("commits fail").then(() => resolve(1)),
  });
  onStopSignals({
    stop: (signal) => void service.stop(signal).then((isClean) => resolve(isClean ? 0 : 1)),
    force: () => process.exit(1),
  });
  hasStarted(service);
  const { intake, http } = config;
  log.info("running", {
    agents: `mqtt${intake.mqtt.tls === null ? "" : "s"}://${urlHost(intake.mqtt.host)}:${service.intakePort}`,
    dashboard: `http${http.tls === null ? "" : "s"}://${urlHost(http.host)}:${service.apiPort}/`,
  });
  return exit;
}

/** What is wrong changes nothing. */
async function reload(configPath: string, service: CentralService, log: Logger): Promise<void> {
  try {
    const { config, warnings, pipeline } = loadBoth(configPath);
    for (const warning of warnings) log.warn(formatProblem(warning));
    const later = await service.reload(config, pipeline.config);
    const taken = service.renewCertificates() ? "users, tokens and certificates" : "users and tokens";
    log.info(`configuration: agents, ${taken} are taken over`, {
      agents: config.agents.length,
      at_next_start: later,
    });
  } catch (error) {
    log.error("configuration: refused; nothing is changed", { reason: reasonOf(error) });
  }
}

/** In a checkout the dashboard is built where that is missing; without it the API works all the same. */
async function dashboardAssets(log: Logger): Promise<Assets> {
  if (isSea()) return embeddedAssets();
  try {
    const { buildDashboard } = await import("../dashboard-build.ts");
    await buildDashboard();
  } catch (error) {
    log.warn("the dashboard cannot be built", { reason: reasonOf(error) });
  }
  return folderAssets(join(import.meta.dirname, "../../dashboard/dist"));
}
