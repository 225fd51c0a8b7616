import { Socket } from "node:net";
import { createBackoff, reasonOf, type Backoff, type Clock, type Random } from "@millrace/runtime";
import { Client, DatabaseError, type ClientConfig } from "pg";
import type { ReceiverWatch } from "../../publish/receiver-watch.ts";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import type { RecordTable, TableChange } from "../postgres/record-table.ts";
import { creationOf, toStatements } from "../postgres/table-statements.ts";
import type { RecordReceiver } from "./record-receiver.ts";

export interface PostgresReceiverOptions {
  readonly connection: Pick<ClientConfig, "host" | "port" | "user" | "password" | "database" | "ssl">;
  readonly tables: ReadonlyMap<RecordStreamName, RecordTable>;
  /** Names the run, in the table of marks. */
  readonly run: string;
  /** It was begun by an earlier process: what that one has brought here is known from its mark. */
  readonly isResumed: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly watch: ReceiverWatch;
}

const RETRY_FIRST_MS = 200;
const RETRY_MS_MAX = 5_000;
const CONNECT_MS_MAX = 10_000;
/** After it a server that says nothing counts as away. */
const ANSWER_MS_MAX = 30_000;
const MARKS = "millrace_sim_marks";
/**
 * Classes of SQLSTATE that time may cure: no connection, a conflict with another transaction, no room or too many
 * connections, an object in use, somebody's intervention (a shutdown, a start), a fault of the system.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const PASSING_CLASSES: ReadonlySet<string> = new Set(["08", "40", "53", "55", "57", "58"]);

/**
 * Records as changing rows of PostgreSQL. What is sent in one call is one transaction, and the run's mark is part of it:
 * after a lost answer, or the death of this process, the mark says whether it was committed, so that nothing comes twice.
 */
export class PostgresReceiver implements RecordReceiver {
  readonly isTable = true;
  readonly againMax = 0;
  readonly #options: PostgresReceiverOptions;
  readonly #byName: ReadonlyMap<string, RecordTable>;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  #client: Client | null = null;
  #socket: Socket | null = null;
  /** As the mark says. */
  #held = 0;

  constructor(options: PostgresReceiverOptions) {
    this.#options = options;
    this.#byName = new Map([...options.tables.values()].map((table) => [table.table, table]));
    this.#backoff = createBackoff({ random: options.random, firstMs: RETRY_FIRST_MS, maxMs: RETRY_MS_MAX });
  }

  async open(): Promise<number> {
    const { tables, run, isResumed } = this.#options;
    await this.#persist("open", async (client) => {
      await client.query("BEGIN");
      for (const table of tables.values()) for (const text of creationOf(table)) await client.query(text);
      await client.query(
        `CREATE TABLE IF NOT EXISTS ${MARKS} (run text PRIMARY KEY, records bigint NOT NULL)`,
      );
      const onKnown = isResumed ? "NOTHING" : "UPDATE SET records = 0";
      await client.query(`INSERT INTO ${MARKS} VALUES ($1, 0) ON CONFLICT (run) DO ${onKnown}`, [run]);
      this.#held = await this.#readMark(client);
      await client.query("COMMIT");
    });
    return this.#held;
  }

  async send(records: readonly BusinessRecord[], through: number): Promise<void> {
    const changes: TableChange[] = [];
    for (const record of records) {
      const change = this.#options.tables.get(record.topic)?.change(record);
      if (change !== undefined && change !== null) changes.push(change);
    }
    if (changes.length === 0) return;
    const statements = toStatements(changes, this.#byName);
    await this.#persist("change", async (client) => {
      await client.query("BEGIN");
      // First, for it waits for a transaction that an earlier connection has left behind.
      const moved = await client.query(`UPDATE ${MARKS} SET records = $2 WHERE run = $1 AND records = $3`, [
        this.#options.run,
        through,
        this.#held,
      ]);
      if (moved.rowCount !== 1) {
        const mark = await this.#readMark(client);
        await client.query("ROLLBACK");
        if (mark === through) return;
        throw new Unrecoverable(
          `its mark of this run says ${mark} records where ${this.#held} were brought there; does another process write it, or was it restored?`,
        );
      }
      for (const { text, values, table, rowCount } of statements) {
        const found = (await client.query(text, [...values])).rowCount ?? 0;
        if (found === rowCount) continue;
        throw new Unrecoverable(`${rowCount - found} of ${rowCount} rows of ${table} are not there any more`);
      }
      await client.query("COMMIT");
    });
    this.#held = through;
  }

  close(): Promise<void> {
    this.#closing.abort(new Error("it was closed"));
    this.#disconnect();
    return Promise.resolve();
  }

  async #readMark(client: Client): Promise<number> {
    const { rows } = await client.query<{ readonly records: string }>(
      `SELECT records FROM ${MARKS} WHERE run = $1`,
      [this.#options.run],
    );
    return rows.length === 0 ? 0 : Number(rows[0].records);
  }

  /** Does the work until the server has done it; whatever of it was left undone is rolled back with its connection. */
  async #persist(verb: string, work: (client: Client) => Promise<void>): Promise<void> {
    const { watch, clock } = this.#options;
    for (;;) {
      this.#closing.signal.throwIfAborted();
      try {
        await work(await this.#connected());
        this.#backoff.reset();
        watch.back(this);
        return;
      } catch (error) {
        this.#disconnect();
        this.#closing.signal.throwIfAborted();
        if (!isPassing(error)) throw new Error(`cannot ${verb} the tables in PostgreSQL`, { cause: error });
        watch.away(this, reasonOf(error));
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = clock.after(Math.max(1, this.#backoff.nextMs()), resolve);
      this.#closing.signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      timer.cancel();
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client !== null) return this.#client;
    const socket = new Socket();
    const client = new Client({
      ...this.#options.connection,
      application_name: "millrace-sim",
      connectionTimeoutMillis: CONNECT_MS_MAX,
      query_timeout: ANSWER_MS_MAX,
      keepAlive: true,
      stream: () => socket,
    });
    [this.#client, this.#socket] = [client, socket];
    // A connection that ends between two calls: the next one makes another.
    client.on("error", () => {
      if (this.#client === client) this.#disconnect();
    });
    await client.connect();
    return client;
  }

  /** At once, also from a server that hangs; it rolls back. */
  #disconnect(): void {
    this.#socket?.destroy();
    [this.#client, this.#socket] = [null, null];
  }
}

/** What waiting cannot help. */
class Unrecoverable extends Error {}

function isPassing(error: unknown): boolean {
  if (error instanceof DatabaseError) return PASSING_CLASSES.has((error.code ?? "").slice(0, 2));
  // pg has no class or code for it.
  if (error instanceof Error && error.message.includes("does not support SSL")) return false;
  // Other errors are the connection's.
  return !(error instanceof Unrecoverable || error instanceof TypeError);
}
