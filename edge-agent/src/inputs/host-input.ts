import { HOST_SENSORS, type HostSensor } from "@millrace/config";
import type { Clock, Logger, Timer } from "@millrace/runtime";
import type { Labels } from "@millrace/stream";
import type { HostReaders } from "./host-readers.ts";

export interface HostInputOptions {
  readonly intervalMs: number;
  /** Added to every reading. */
  readonly labels: Labels;
  /** Whose disks are looked at; those on the same one count once. */
  readonly folders: readonly string[];
  readonly readers: HostReaders;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One reading of the gateway itself. Units: cpu, memory, disk %; load 1 min; network bytes/s both ways; temperature °C. */
export interface HostReading {
  readonly sensor: HostSensor;
  /** The input's, and `sensor` or `mount` where a host has several of a kind (temperature, disk). */
  readonly labels: Labels;
  readonly value: number;
  readonly timeMs: number;
}

export type HostReadingHandler = (reading: HostReading) => void;

interface HostValue {
  readonly labels?: Labels;
  readonly value: number;
}

interface Counter {
  readonly total: number;
  readonly monotonicMs: number;
}

/**
 * The gateway's own sensors as an input. A sensor that this host lacks is named in `unavailable`, with the reason, and
 * gives no readings: nothing is invented. It is tried again every interval, for devices come and go.
 */
export class HostInput {
  readonly #options: HostInputOptions;
  readonly #unavailable = new Map<HostSensor, string>();
  #handler: HostReadingHandler | null = null;
  #timer: Timer | null = null;
  #cpu: { readonly busyMs: number; readonly totalMs: number } | null = null;
  #network: Counter | null = null;
  #readingCount = 0;

  constructor(options: HostInputOptions) {
    this.#options = options;
  }

  start(handler: HostReadingHandler): void {
    this.#handler = handler;
    void this.#round();
  }

  stop(): void {
    this.#handler = null;
    this.#timer?.cancel();
    this.#timer = null;
  }

  status(): {
    readonly unavailable: Readonly<Partial<Record<HostSensor, string>>>;
    readonly readingCount: number;
  } {
    return { unavailable: Object.fromEntries(this.#unavailable), readingCount: this.#readingCount };
  }

  async #round(): Promise<void> {
    const { clock, intervalMs } = this.#options;
    const startedMs = clock.monotonicMs();
    // One after another: together they would load the machine that they measure.
    for (const sensor of HOST_SENSORS) await this.#read(sensor);
    if (this.#handler === null) return;
    const delayMs = Math.max(0, intervalMs - (clock.monotonicMs() - startedMs));
    this.#timer = clock.after(delayMs, () => void this.#round());
  }

  async #read(sensor: HostSensor): Promise<void> {
    const { clock, labels, log } = this.#options;
    try {
      const values = await this.#values(sensor);
      this.#unavailable.delete(sensor);
      for (const { value, ...named } of values) {
        if (this.#handler === null || !Number.isFinite(value)) continue;
        this.#readingCount++;
        this.#handler({
          sensor,
          labels: { ...labels, ...named.labels },
          value,
          timeMs: clock.nowMs(),
        });
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#unavailable.has(sensor)) log.info(`this host has no ${sensor} sensor: ${reason}`);
      this.#unavailable.set(sensor, reason);
    }
  }

  async #values(sensor: HostSensor): Promise<readonly HostValue[]> {
    const { readers } = this.#options;
    switch (sensor) {
      case "cpu":
        return this.#cpuPercent(await readers.cpuTimes());
      case "memory":
        return [{ value: await readers.memoryUsedPercent() }];
      case "load":
        return [{ value: await readers.load1() }];
      case "disk":
        return this.#disks();
      case "network":
        return this.#networkRate(await readers.networkBytes());
      case "temperature":
        return (await readers.temperatures()).map(({ name, celsius }) => ({
          labels: { sensor: name },
          value: celsius,
        }));
    }
  }

  /** One that cannot be looked at keeps no other from it. */
  async #disks(): Promise<readonly HostValue[]> {
    const { folders, readers } = this.#options;
    const disks = new Map<string, number>();
    let failure: unknown;
    for (const folder of folders) {
      try {
        const { mount, usedPercent } = await readers.diskUsed(folder);
        disks.set(mount, usedPercent);
      } catch (error) {
        failure ??= error;
      }
    }
    if (disks.size === 0) throw failure;
    return [...disks].map(([mount, value]) => ({ labels: { mount }, value }));
  }

  /** Between this look and the last; nothing at the first. */
  #cpuPercent(now: { readonly busyMs: number; readonly totalMs: number }): readonly HostValue[] {
    const before = this.#cpu;
    this.#cpu = now;
    if (before === null || now.totalMs <= before.totalMs) return [];
    return [{ value: (100 * (now.busyMs - before.busyMs)) / (now.totalMs - before.totalMs) }];
  }

  /** As `#cpuPercent`; nothing either where an interface went away and took its count along. */
  #networkRate(total: number): readonly HostValue[] {
    const before = this.#network;
    const monotonicMs = this.#options.clock.monotonicMs();
    this.#network = { total, monotonicMs };
    if (before === null || total < before.total || monotonicMs <= before.monotonicMs) return [];
    return [{ value: (1000 * (total - before.total)) / (monotonicMs - before.monotonicMs) }];
  }
}
