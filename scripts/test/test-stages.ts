/** Test files that run together; a serial stage runs one file at a time, since its tests take the whole machine. */
export interface TestStage {
  readonly name: string;
  readonly files: readonly string[];
  readonly isSerial: boolean;
}

/** Cheapest first. */
const stages = ["packages", "programs", "the whole", "end to end"] as const;

export function testStages(files: readonly string[]): TestStage[] {
  const byStage = Map.groupBy(files.toSorted(), stageOf);
  return stages.flatMap((name) => {
    const held = byStage.get(name);
    return held === undefined ? [] : [{ name, files: held, isSerial: name === "end to end" }];
  });
}

function stageOf(file: string): (typeof stages)[number] {
  if (file.endsWith(".e2e.test.ts")) return "end to end";
  if (/^(packages|scripts|bench|test\/house)\//.test(file)) return "packages";
  return /^(edge-agent|central|simulator)\//.test(file) ? "programs" : "the whole";
}
