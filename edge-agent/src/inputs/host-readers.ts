import { readdir, readFile, realpath, stat, statfs } from "node:fs/promises";
import { cpus, freemem, loadavg, totalmem } from "node:os";
import { dirname } from "node:path";

/** How the gateway's own sensors are read. Each rejects with the reason when this host has no such sensor. */
export interface HostReaders {
  /** CPU time since boot over all cores. */
  cpuTimes(): Promise<{ readonly busyMs: number; readonly totalMs: number }>;
  /** Used share of memory, %. What the system would give back at once (caches) is not used. */
  memoryUsedPercent(): Promise<number>;
  load1(): Promise<number>;
  /** Used share of the file system that holds `folder`, %, as `df` counts it, and where that is mounted. */
  diskUsed(folder: string): Promise<{ readonly mount: string; readonly usedPercent: number }>;
  /** Bytes received and sent since boot over all interfaces but loopback and those that only mirror others. */
  networkBytes(): Promise<number>;
  /** °C by sensor name. */
  temperatures(): Promise<readonly { readonly name: string; readonly celsius: number }[]>;
}

const THERMAL = "/sys/class/thermal";
const HWMON = "/sys/class/hwmon";
/** Loopback, and interfaces whose traffic another one counts already. */
const NOT_A_LINK = /^(lo|ifb|veth|docker|br-|virbr|tun|tap|dummy|bond)/;

/** This machine's, from Node and, on Linux, from /proc and /sys. */
export const systemHostReaders: HostReaders = {
  async cpuTimes() {
    let busyMs = 0;
    let totalMs = 0;
    for (const { times } of cpus()) {
      busyMs += times.user + times.nice + times.sys + times.irq;
      totalMs += times.user + times.nice + times.sys + times.irq + times.idle;
    }
    if (totalMs === 0) throw new Error("the system tells no CPU times");
    return { busyMs, totalMs };
  },
  async memoryUsedPercent() {
    return 100 * (1 - freemem() / totalmem());
  },
  async load1() {
    if (process.platform === "win32") throw new Error("Windows has no load average");
    return loadavg()[0] ?? 0;
  },
  async diskUsed(folder) {
    const mount = await mountOf(folder);
    const { blocks, bfree, bavail } = await statfs(mount);
    const used = blocks - bfree;
    if (used + bavail === 0) throw new Error(`the file system of ${folder} tells no size`);
    return { mount, usedPercent: (100 * used) / (used + bavail) };
  },
  async networkBytes() {
    const text = await read("/proc/net/dev");
    const links = parseNetworkBytes(text);
    if (links === null) throw new Error("/proc/net/dev names no network interface");
    return links;
  },
  async temperatures() {
    const found = [...(await thermalZones()), ...(await hardwareMonitors())];
    if (found.length === 0) throw new Error(`no temperature sensor in ${THERMAL} or ${HWMON}`);
    return found;
  },
};

/** The outermost folder on the way to `folder` that is on the same device. */
async function mountOf(folder: string): Promise<string> {
  let mount = await realpath(folder);
  const { dev } = await stat(mount);
  for (let outer = dirname(mount); outer !== mount && (await stat(outer)).dev === dev; outer = dirname(mount))
    mount = outer;
  return mount;
}

/** Sum over the links in /proc/net/dev; null where there is none. Columns: bytes received first, bytes sent ninth. */
export function parseNetworkBytes(text: string): number | null {
  let sum: number | null = null;
  for (const line of text.split("\n")) {
    const [name, columns] = line.split(":");
    if (name === undefined || columns === undefined || NOT_A_LINK.test(name.trim())) continue;
    const numbers = columns.trim().split(/\s+/).map(Number);
    sum = (sum ?? 0) + (numbers[0] ?? 0) + (numbers[8] ?? 0);
  }
  return sum;
}

async function thermalZones(): Promise<{ name: string; celsius: number }[]> {
  const found: { name: string; celsius: number }[] = [];
  for (const zone of (await list(THERMAL)).filter((name) => name.startsWith("thermal_zone"))) {
    const celsius = await milliCelsius(`${THERMAL}/${zone}/temp`);
    const type = (await readOrNull(`${THERMAL}/${zone}/type`))?.trim();
    if (celsius !== null)
      found.push({
        name: type === undefined ? zone : `${type}-${zone.slice("thermal_zone".length)}`,
        celsius,
      });
  }
  return found;
}

async function hardwareMonitors(): Promise<{ name: string; celsius: number }[]> {
  const found: { name: string; celsius: number }[] = [];
  for (const monitor of await list(HWMON)) {
    const chip = (await readOrNull(`${HWMON}/${monitor}/name`))?.trim() ?? monitor;
    for (const file of (await list(`${HWMON}/${monitor}`)).filter((name) => /^temp\d+_input$/.test(name))) {
      const celsius = await milliCelsius(`${HWMON}/${monitor}/${file}`);
      if (celsius !== null)
        found.push({ name: `${monitor}-${chip}-${file.slice(0, -"_input".length)}`, celsius });
    }
  }
  return found;
}

/** Null where the sensor cannot be read: some exist and answer with an error while their device sleeps. */
async function milliCelsius(path: string): Promise<number | null> {
  const text = await readOrNull(path);
  const value = text === null ? Number.NaN : Number.parseInt(text, 10);
  return Number.isFinite(value) ? value / 1000 : null;
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    return [];
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return null;
  }
}

async function read(path: string): Promise<string> {
  const text = await readOrNull(path);
  if (text === null) throw new Error(`this system has no ${path}`);
  return text;
}
