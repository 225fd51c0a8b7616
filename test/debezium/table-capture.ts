import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { jarFolder } from "../../scripts/stack/jar-folder.ts";
import { StackUnavailable } from "../../scripts/stack/stack-unavailable.ts";
import type { Works } from "../end-to-end/works.ts";

const VERSION = "3.0.8.Final";

export interface TableCaptureOptions {
  readonly works: Works;
  readonly jars: string;
  readonly port: number;
  readonly database: string;
  /** Addresses of Kafka; null: changes are only told. */
  readonly kafka: string | null;
  /** Debezium's own, over the usual ones. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** Debezium's jars; undefined where Java, Maven or the jars cannot be had. */
export function debeziumJars(): string | undefined {
  const artifacts = ["debezium-embedded", "debezium-connector-postgres"];
  try {
    return jarFolder({
      folder: join(import.meta.dirname, "../../.cache/debezium"),
      artifacts: artifacts.map((artifact) => `io.debezium:${artifact}:${VERSION}`),
    });
  } catch (error) {
    if (error instanceof StackUnavailable) return undefined;
    throw error;
  }
}

/** Debezium's PostgreSQL connector, capturing the table `orders`: TableChanges.java as a process. */
export class TableCapture {
  readonly #options: TableCaptureOptions;
  #process: ChildProcess | undefined;
  #said = "";

  constructor(options: TableCaptureOptions) {
    this.#options = options;
    options.works.atEnd(() => this.kill());
  }

  /** Where it keeps how far it is. */
  get offsetsPath(): string {
    return this.#options.works.path(`${this.#options.database}.offsets`);
  }

  /** Key and value of each change, as it is told; null: a tombstone's. */
  get changes(): { readonly key: string; readonly value: string }[] {
    const lines = this.#said.split("\n").slice(0, -1);
    return lines.map((line) => {
      const [, key = "", value = ""] = line.split("\t");
      return { key, value };
    });
  }

  /** `more`: of this run only. */
  start(more: Readonly<Record<string, string>> = {}): void {
    const { works, jars, port, database, kafka, properties = {} } = this.#options;
    const settings = {
      name: database,
      "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
      "topic.prefix": database,
      "database.hostname": "127.0.0.1",
      "database.port": String(port),
      "database.user": "postgres",
      "database.password": "unused",
      "database.dbname": database,
      "plugin.name": "pgoutput",
      "slot.name": database,
      "publication.name": database,
      "table.include.list": "public.orders",
      "skipped.operations": "none",
      "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
      "offset.storage.file.filename": this.offsetsPath,
      "offset.flush.interval.ms": "1000",
      ...properties,
      ...more,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    const file = works.write(`${database}.properties`, lines.join(""));
    const source = join(import.meta.dirname, "TableChanges.java");
    const args = ["-Xmx256m", "-cp", join(jars, "*"), source, file, ...(kafka === null ? [] : [kafka])];
    const child = spawn("java", args, { stdio: ["pipe", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#said += text));
    child.stderr.pipe(createWriteStream(works.path(`${database}.debezium.log`), { flags: "a" }));
    this.#process = child;
  }

  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.kill("SIGKILL");
    });
  }
}
