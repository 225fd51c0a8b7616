import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { until } from "../end-to-end/until.ts";

const JARS = join(import.meta.dirname, "../../.cache/tahu");

/** Whether an edge node on Eclipse Tahu can run here: its jars come through Maven once. */
export function hasTahu(): boolean {
  if (existsSync(join(JARS, "complete"))) return true;
  try {
    execFileSync("java", ["-version"], { stdio: "ignore" });
    mkdirSync(JARS, { recursive: true });
    const pom = join(import.meta.dirname, "pom.xml");
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${JARS}`];
    execFileSync("mvn", ["-q", "-B", "-f", pom, ...goal], { stdio: "ignore", timeout: 120_000 });
    mkdirSync(join(JARS, "complete"));
    return true;
  } catch {
    return false;
  }
}

/** A real edge node: EdgeNode.java as a process, told what to do line by line. */
export class TahuEdgeNode {
  readonly #process: ChildProcess;
  #output = "";

  constructor(options: {
    readonly port: number;
    readonly hostId: string;
    readonly group: string;
    readonly node: string;
  }) {
    const { port, hostId, group, node } = options;
    const source = join(import.meta.dirname, "EdgeNode.java");
    const args = ["-Xmx128m", "-cp", `${JARS}/*`, source, String(port), hostId, group, node];
    this.#process = spawn("java", args, { stdio: ["pipe", "pipe", "ignore"] });
    this.#process.stdout?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  /** How often it has said this line. */
  countOf(line: string): number {
    return this.#output.split("\n").filter((said) => said === line).length;
  }

  async do(command: string): Promise<void> {
    const before = this.countOf(`done ${command}`);
    this.#process.stdin?.write(`${command}\n`);
    await until(`the edge node does ${command}`, () => this.countOf(`done ${command}`) > before);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}
