import { execFile } from "node:child_process";
import { type Clock, type Logger, reasonOf, systemMonotonicUs, type Timer } from "@millrace/runtime";

/** Hands one message (`READY=1`, `STATUS=…`) to the service manager. */
export type NotifyManager = (lines: readonly string[]) => Promise<void>;

export interface ServiceManagerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly notify: NotifyManager;
  /** CLOCK_MONOTONIC, µs. */
  monotonicUs(): bigint;
  /** Within which a keep-alive is wanted, ms; null: the unit has no watchdog. */
  readonly watchdogMs: number | null;
}

/** The program as it is now. */
export interface ServiceState {
  /** One line for `systemctl status`. */
  readonly text: string;
  /** Why a restart would help; null: it would not. No keep-alive is sent then. */
  readonly stuck: string | null;
}

/** How often the state is told where no watchdog wants it more often. */
const STATUS_INTERVAL_MS = 60_000;
/** A start is told to go on this often, each time for as much longer as `START_EXTENSION_US` says. */
const START_INTERVAL_MS = 15_000;
const START_EXTENSION_US = 60_000_000;

/**
 * What a service under systemd (Type=notify) tells of itself: that it still starts, that it is ready, how it goes, that it
 * stops. Keep-alives come from the event loop and only while nothing is stuck: a program that hangs is started again.
 * https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
export class ServiceManager {
  readonly #options: ServiceManagerOptions;
  /** What is to be told, by variable: the newest of each. */
  #waiting = new Map<string, string>();
  #isTelling = false;
  #timer: Timer | undefined;
  #text = "";
  #isReady = false;
  #reloadCount = 0;

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
  }

  /** A start that repairs a store may take longer than the unit allows. */
  starting(): void {
    this.#tell({ EXTEND_TIMEOUT_USEC: String(START_EXTENSION_US), STATUS: "starting" });
    this.#after(START_INTERVAL_MS, () => this.starting());
  }

  ready(state: () => ServiceState): void {
    const { watchdogMs } = this.#options;
    // Half the time, as sd_watchdog_enabled(3) advises.
    const intervalMs = Math.min(STATUS_INTERVAL_MS, (watchdogMs ?? Number.POSITIVE_INFINITY) / 2);
    this.#isReady = true;
    this.#waiting.delete("EXTEND_TIMEOUT_USEC");
    this.#tell({ READY: "1", ...this.#variables(state()) });
    const beat = () => {
      this.#tell(this.#variables(state()));
      this.#after(intervalMs, beat);
    };
    this.#after(intervalMs, beat);
  }

  /** It takes another configuration over, whoever has asked for it; what is returned is to be called when that is done. */
  reloading(): () => void {
    if (!this.#isReady) return () => undefined;
    this.#reloadCount += 1;
    this.#waiting.delete("READY");
    const { monotonicUs } = this.#options;
    this.#tell({ RELOADING: "1", MONOTONIC_USEC: String(monotonicUs()) });
    return () => {
      this.#reloadCount -= 1;
      if (this.#reloadCount === 0 && this.#isReady) this.#tell({ READY: "1" });
    };
  }

  stopping(): void {
    this.#isReady = false;
    this.#timer?.cancel();
    this.#waiting.clear();
    this.#tell({ STOPPING: "1", STATUS: "stopping" });
  }

  #variables({ text, stuck }: ServiceState): Record<string, string> {
    if (stuck !== null) this.#options.log.error("no keep-alive for the watchdog", { reason: stuck });
    const line = stuck === null ? text : `stuck: ${stuck}`;
    const isNew = line !== this.#text;
    this.#text = line;
    return {
      ...(isNew ? { STATUS: line.replaceAll(/\s+/g, " ") } : {}),
      ...(stuck === null && this.#options.watchdogMs !== null ? { WATCHDOG: "1" } : {}),
    };
  }

  /** One message at a time: a manager that does not answer must not gather processes. What failed goes with the next. */
  #tell(variables: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(variables)) this.#waiting.set(name, value);
    if (this.#isTelling || this.#waiting.size === 0) return;
    const told = this.#waiting;
    this.#waiting = new Map();
    // In one message READY wins, and systemd would wait for RELOADING.
    if (told.has("RELOADING") && told.delete("READY")) this.#waiting.set("READY", "1");
    this.#isTelling = true;
    this.#options.notify(Array.from(told, ([name, value]) => `${name}=${value}`)).then(
      () => {
        this.#isTelling = false;
        this.#tell({});
      },
      (error: unknown) => {
        this.#isTelling = false;
        this.#waiting = new Map([...told, ...this.#waiting]);
        // What was true when it was told may not be now.
        this.#waiting.delete("WATCHDOG");
        this.#options.log.repeated("service_manager", "cannot tell the service manager", {
          reason: reasonOf(error),
        });
      },
    );
  }

  #after(delayMs: number, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, callback);
    this.#timer.unref?.();
  }
}

const NOTIFY_MS_MAX = 5_000;

/** The one that started this process and wants to be told; undefined where there is none. */
export function serviceManager(
  world: Pick<ServiceManagerOptions, "clock" | "log">,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ServiceManager | undefined {
  if ((environment["NOTIFY_SOCKET"] ?? "") === "") return undefined;
  return new ServiceManager({
    ...world,
    notify: systemdNotify,
    monotonicUs: systemMonotonicUs,
    watchdogMs: watchdogOf(environment),
  });
}

function watchdogOf(environment: Readonly<Record<string, string | undefined>>): number | null {
  const pid = environment["WATCHDOG_PID"];
  if (pid !== undefined && pid !== String(process.pid)) return null;
  const microseconds = Number(environment["WATCHDOG_USEC"]);
  return microseconds > 0 ? microseconds / 1000 : null;
}

/** Node has no datagram sockets of the local kind: systemd's own program speaks for it. */
function systemdNotify(lines: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile("systemd-notify", [...lines], { timeout: NOTIFY_MS_MAX }, (error, _, stderr) => {
      if (error === null) resolve();
      else reject(new Error(stderr.trim() === "" ? error.message : stderr.trim(), { cause: error }));
    });
  });
}
