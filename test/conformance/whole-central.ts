import { MemoryStore } from "@millrace/queue";
import { silentLogger } from "@millrace/runtime";
import type { Frontier, WindowResult } from "@millrace/stream";
import { SeededRandom, SimulatedTime } from "@millrace/testkit";
import { Central } from "../../central/src/central.ts";
import { ScriptedAgent } from "../../central/src/scripted-agent.test-support.ts";
import type { CaseCentral } from "./case-central.ts";
import type { CaseAgent, ConformanceCase } from "./load-cases.ts";
import type { Delivery } from "./site-agent.ts";
import { WorldClock } from "./world-clock.ts";

const DAY_MS = 86_400_000;
const KEPT = { retainMs: 36_500 * DAY_MS, bytesMax: 2 ** 40 };
const HEARTBEAT_MS = 1_000;
const TICK_MS = 250;
/** Central ticks so long after agents have sent, by its clock in the same millisecond. */
const TICK_AFTER_MS = 0.5;
/** Beside those after batches. */
const RESTARTS = 8;
const PAGE = 1_000;

type Batch = Extract<Delivery, { kind: "batch" }>["batch"];

interface Link {
  readonly described: CaseAgent;
  readonly clock: WorldClock;
  clockMs: number;
  /** Null while it is down. */
  connection: ScriptedAgent | null;
  isKnown: boolean;
  sent: { live: number; backfill: number };
  /** Of its last heartbeat. */
  said: string;
  saidAtMs: number;
  /** What it has sent in this step. */
  latest: Batch[];
}

/**
 * The whole of central behind the port of the cases: sealed batches and heartbeats over connections that say hello, a store,
 * and what central's own API tells. `isInterrupted`: it is killed again and again, a reading having arrived or not; it goes on from
 * its store, and agents send again what they have no acknowledgement for.
 */
export class WholeCentral implements CaseCentral {
  readonly #case: ConformanceCase;
  readonly #isInterrupted: boolean;
  readonly #clock: WorldClock;
  readonly #time: SimulatedTime;
  readonly #links: ReadonlyMap<string, Link>;
  readonly #published: WindowResult[] = [];
  #enrolled: readonly CaseAgent[] = [];
  readonly #retired = new Set<string>();
  #restartAtMs = 0;
  #store = new MemoryStore();
  #central: Central;
  #kill: () => void = () => undefined;

  private constructor(conformance: ConformanceCase, isInterrupted: boolean) {
    const { agents, beginsMs, centralClock, readings } = conformance;
    this.#case = conformance;
    this.#isInterrupted = isInterrupted;
    this.#clock = new WorldClock(beginsMs, centralClock);
    const earliestMs = Math.min(beginsMs, ...readings.map(({ timeMs }) => timeMs));
    this.#time = new SimulatedTime(Math.floor(earliestMs) - beginsMs - DAY_MS);
    this.#links = new Map(
      agents.map((described) => [
        described.name,
        {
          described,
          clock: new WorldClock(beginsMs, described.clock),
          clockMs: 0,
          connection: null,
          isKnown: false,
          sent: { live: 0, backfill: 0 },
          said: "",
          saidAtMs: -Infinity,
          latest: [],
        },
      ]),
    );
    this.#central = this.#made();
  }

  /** Whoever belongs before everything is enrolled by an earlier life of it. */
  static async open(conformance: ConformanceCase, isInterrupted: boolean): Promise<WholeCentral> {
    const central = new WholeCentral(conformance, isInterrupted);
    central.#enrolled = conformance.agents.filter(({ joinsMs }) => joinsMs === -Infinity);
    await central.#start();
    await central.#restartAt(TICK_AFTER_MS - Math.max(TICK_MS, conformance.stepMs));
    return central;
  }

  get fates(): Readonly<Record<string, number>> {
    const fates = { too_late: 0, unwindowed: 0, refused_by_central: 0 };
    for (const totals of this.#central.ledger().values()) {
      fates.too_late += totals.tooLate;
      fates.unwindowed += totals.unwindowed;
      fates.refused_by_central += totals.future + totals.foreignSite;
    }
    return fates;
  }

  nowMs(worldMs: number): number {
    this.#clock.set(worldMs);
    return this.#clock.nowMs();
  }

  async enrol(worldMs: number): Promise<void> {
    await this.#goTo(worldMs - this.#case.beginsMs);
    const { agents } = this.#case;
    const enrolled = agents.filter(({ joinsMs }) => joinsMs <= worldMs);
    if (enrolled.length > this.#enrolled.length) {
      this.#enrolled = enrolled;
      await this.#until(this.#central.setAgents(this.#list()));
    }
    for (const { name, site, retiresMs } of agents) {
      if (retiresMs === null || retiresMs > worldMs || this.#retired.has(name)) continue;
      this.#retired.add(name);
      await this.#until(this.#central.retire({ site }));
    }
    for (const link of this.#links.values()) {
      const isUp = this.#isUp(link, worldMs);
      if (isUp && link.connection === null) {
        await this.#connect(link, worldMs);
        link.said = "";
      }
      if (isUp || link.connection === null) continue;
      link.connection.hangUp();
      link.connection = null;
    }
  }

  async take(agent: string, delivery: Delivery, worldMs: number): Promise<void> {
    const link = this.#links.get(agent);
    if (link?.connection == null) return;
    if (delivery.kind === "frontier") {
      const { frontier, clockMs } = delivery;
      const said = saidBy(frontier);
      // As an agent: each second. At once only where it may make a difference, since most steps are of nothing but time.
      if (said === link.said && worldMs - link.saidAtMs < HEARTBEAT_MS) return;
      link.said = said;
      link.saidAtMs = worldMs;
      link.clockMs = clockMs;
      link.connection.beat(frontier);
    } else {
      const { lane, sequence } = delivery.batch;
      link.sent[lane] = Math.max(link.sent[lane], sequence);
      link.latest.push(delivery.batch);
      send(link.connection, delivery.batch);
    }
  }

  async tick(worldMs: number): Promise<readonly WindowResult[]> {
    const sinceMs = worldMs - this.#case.beginsMs;
    await this.#goTo(sinceMs + TICK_AFTER_MS);
    for (const { connection, described, sent } of this.#links.values()) {
      if (connection === null) continue;
      // Backfill that is given up is acknowledged with what follows it, and its first batch may be waited for.
      const acknowledged = connection.acks.live ?? connection.welcome?.marks.live ?? 0;
      if (acknowledged !== sent.live)
        throw new Error(`${described.name}: ${sent.live} live batches sent, ${acknowledged} acknowledged`);
    }
    const hasTaken = [...this.#links.values()].some(({ latest }) => latest.length > 0);
    const isOver = sinceMs >= this.#restartAtMs;
    // Ticks stay where they are.
    if (this.#isInterrupted && (hasTaken || isOver) && sinceMs % TICK_MS === 0) await this.#restart(worldMs);
    for (const link of this.#links.values()) link.latest = [];
    return this.#published.splice(0);
  }

  async asked(): Promise<readonly WindowResult[]> {
    const results: WindowResult[] = [];
    for (const { name } of this.#case.windows) {
      let cursor: string | null = null;
      do {
        const all = { group: {}, fromMs: -(2 ** 53), toMs: 2 ** 53, limit: PAGE };
        const page = await this.#central.windows({ window: name, ...all, cursor });
        results.push(...page.windows);
        ({ cursor } = page);
      } while (cursor !== null);
    }
    return results;
  }

  #isUp({ described }: Link, worldMs: number): boolean {
    const isDown = described.down.some(({ fromMs, toMs }) => fromMs <= worldMs && worldMs < toMs);
    return !isDown && described.joinsMs <= worldMs && !this.#retired.has(described.name);
  }

  async #connect(link: Link, worldMs: number): Promise<void> {
    const { name: agent, site } = link.described;
    link.clock.set(worldMs);
    link.clockMs = link.clock.nowMs();
    const index = [...this.#links.keys()].indexOf(agent);
    const storeId = index.toString(16).padStart(32, "0");
    link.connection = new ScriptedAgent(this.#central, () => link.clockMs, { agent, site, storeId });
    const epoch = link.isKnown ? 1 : 0;
    const lane = (sent: number) => ({ sent, next: sent + 1, epochs: [{ epoch, from: 1 }] });
    const lanes = { live: lane(link.sent.live), backfill: lane(link.sent.backfill) };
    link.connection.hello({ epoch, lanes });
    await this.#time.run(0);
    const { welcome, refusal } = link.connection;
    if (welcome?.epoch !== 1) throw new Error(`${agent} was not welcomed: ${JSON.stringify(refusal)}`);
    link.isKnown = true;
  }

  async #restart(worldMs: number): Promise<void> {
    const { beginsMs, endsMs } = this.#case;
    this.#restartAtMs = worldMs - beginsMs + (endsMs - beginsMs) / RESTARTS;
    await this.#restartAt(this.#time.nowMs);
    for (const link of this.#links.values()) {
      if (link.connection === null) continue;
      await this.#connect(link, worldMs);
      for (const batch of link.latest) send(link.connection, batch);
    }
    await this.#time.run(0);
  }

  #made(): Central {
    let isAlive = true;
    this.#kill = () => (isAlive = false);
    const { beginsMs, stepMs, windows, metrics, graceMs } = this.#case;
    const offsetMs = () => this.nowMs(beginsMs + Math.floor(this.#time.nowMs)) - Math.floor(this.#time.nowMs);
    const clock = this.#time.clock({ offsetMs, isAlive: () => isAlive });
    return new Central({
      agents: this.#list(),
      pipeline: { metrics, windows },
      graceMs,
      retainMs: KEPT.retainMs,
      history: { "1s": KEPT, "10s": KEPT, "1m": KEPT, "1h": KEPT, "1d": KEPT },
      evidence: { bytesMax: 2 ** 30, retainMs: DAY_MS, unfinishedMs: DAY_MS },
      silentAfterMs: 3_000,
      store: this.#store,
      // It looks no more often than the case says: days go by in steps of an hour.
      clock: {
        ...clock,
        after: (delayMs, due) => clock.after(delayMs === 0 ? 0 : Math.max(delayMs, stepMs), due),
      },
      random: new SeededRandom(1),
      log: silentLogger,
      compression: { compress: (bytes) => bytes, decompress: (bytes) => bytes },
    });
  }

  async #start(): Promise<void> {
    await this.#central.open();
    this.#central.subscribe(({ windows }) => this.#published.push(...windows));
    // The first turn is a tick; from now on they come at this phase.
    await this.#until(this.#central.setAgents(this.#list()));
  }

  #list() {
    return this.#enrolled.map(({ name, site }) => ({ id: name, site }));
  }

  async #until(done: Promise<unknown>): Promise<void> {
    await this.#time.run(0);
    await done;
  }

  async #restartAt(sinceMs: number): Promise<void> {
    this.#kill();
    await this.#goTo(sinceMs);
    this.#store = this.#store.restart();
    this.#central = this.#made();
    await this.#start();
  }

  async #goTo(sinceMs: number): Promise<void> {
    await this.#time.run(sinceMs - this.#time.nowMs);
  }
}

/** What of a frontier lets windows pass: its watermark counts by the whole second, in which windows end. */
function saidBy({ watermarkMs, number: _, ...rest }: Frontier): string {
  return JSON.stringify({ ...rest, second: watermarkMs === null ? null : Math.floor(watermarkMs / 1_000) });
}

function send(connection: ScriptedAgent, { lane, sequence, body, ranges }: Batch): void {
  const startMs = Math.min(...ranges.map((range) => range.startMs));
  const endMs = Math.max(...ranges.map((range) => range.endMs));
  const fields = { lane, startMs, endMs };
  if (body === null) connection.skipped(sequence, sequence, 0, fields);
  else connection.batch(sequence, body, fields);
}
