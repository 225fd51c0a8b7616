/** A program that is built into a single binary. */
export interface ProgramSource {
  readonly name: string;
  /** From the checkout's root. */
  readonly entry: string;
  /** Holds LevelDB, as an asset. */
  readonly hasStore: boolean;
  readonly hasDashboard: boolean;
}

export const PROGRAMS: readonly ProgramSource[] = [
  { name: "millrace-agent", entry: "edge-agent/src/main.ts", hasStore: true, hasDashboard: false },
  { name: "millrace-central", entry: "central/src/main.ts", hasStore: true, hasDashboard: true },
  { name: "millrace-sim", entry: "simulator/src/main.ts", hasStore: false, hasDashboard: false },
];
