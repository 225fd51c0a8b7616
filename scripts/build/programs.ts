/** A program that is built into a single binary. */
export interface ProgramSource {
  readonly name: string;
  /** From the checkout's root. */
  readonly entry: string;
  /** Holds LevelDB, as an asset. */
  readonly hasStore: boolean;
  readonly hasDashboard: boolean;
  /** Node's, for good. */
  readonly flags: readonly string[];
}

/** A gateway is small: garbage is collected sooner, for a tenth more processor time and a hundred megabytes less memory. */
const SMALL = ["--optimize-for-size", "--max-semi-space-size=4"];

export const PROGRAMS: readonly ProgramSource[] = [
  {
    name: "millrace-agent",
    entry: "edge-agent/src/main.ts",
    hasStore: true,
    hasDashboard: false,
    flags: SMALL,
  },
  { name: "millrace-central", entry: "central/src/main.ts", hasStore: true, hasDashboard: true, flags: [] },
  { name: "millrace-sim", entry: "simulator/src/main.ts", hasStore: false, hasDashboard: false, flags: [] },
];
