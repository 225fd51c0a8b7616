/** Test files that run together; a serial stage runs one file at a time, since its tests take the whole machine. */
export interface TestStage {
  readonly name: string;
  readonly files: readonly string[];
  readonly isSerial: boolean;
}

/** Cheapest first. */
const stages = ["packages", "programs", "the whole", "end to end", "end to end, alone"] as const;

/** End-to-end tests that depend on how soon something comes, or on memory, or take something from the machine. */
export const filesAlone: readonly string[] = [
  // What is drawn in each second.
  "test/browser/live-page.e2e.test.ts",
  // Memory, and how long an alarm takes meanwhile.
  "test/end-to-end/abuse.e2e.test.ts",
  // Programs are killed in the middle of a transfer.
  "test/end-to-end/evidence.e2e.test.ts",
  // Disks, clocks and open files.
  "test/end-to-end/hard-faults.e2e.test.ts",
  // A mark that is stored once a second.
  "test/end-to-end/kafka-sink.e2e.test.ts",
  // No alert is raised.
  "test/end-to-end/monitoring.e2e.test.ts",
];

export function testStages(files: readonly string[]): TestStage[] {
  const byStage = Map.groupBy(files.toSorted(), stageOf);
  return stages.flatMap((name) => {
    const held = byStage.get(name);
    return held === undefined ? [] : [{ name, files: held, isSerial: name === "end to end, alone" }];
  });
}

function stageOf(file: string): (typeof stages)[number] {
  if (filesAlone.includes(file)) return "end to end, alone";
  if (file.endsWith(".e2e.test.ts")) return "end to end";
  if (/^(packages|scripts|bench|test\/house)\//.test(file)) return "packages";
  return /^(edge-agent|central|simulator)\//.test(file) ? "programs" : "the whole";
}
