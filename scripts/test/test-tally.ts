import path from "node:path";

/** The part of vitest's JSON report that is read here. */
export interface StageReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    /** Of its first test's start and its last one's end. */
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

/** An entry of test/skips.json: "file > name", or the file alone. */
export interface KnownSkip {
  readonly test: string;
  readonly reason: string;
}

/** How long a file's tests took, one after the other. */
export interface FileDuration {
  readonly file: string;
  readonly durationMs: number;
}

export interface TestTally {
  readonly passed: number;
  readonly failures: readonly string[];
  readonly skips: readonly KnownSkip[];
  readonly files: readonly FileDuration[];
}

export interface StageOutcome {
  readonly root: string;
  readonly stage: string;
  readonly exitCode: number;
  readonly report: StageReport | undefined;
  readonly known: readonly KnownSkip[];
  /** In CI a skipped test fails unless test/skips.json explains it. */
  readonly isStrict: boolean;
}

/** Counts one run of vitest. What failed outside a test (a file that does not load, a crash) counts as one failure. */
export function tallyStage({ root, stage, exitCode, report, known, isStrict }: StageOutcome): TestTally {
  if (report === undefined)
    return { passed: 0, failures: [`${stage}: vitest ended without a report`], skips: [], files: [] };
  let passed = 0;
  const failures: string[] = [];
  const skips: KnownSkip[] = [];
  const files: FileDuration[] = [];
  for (const result of report.testResults) {
    const file = path.relative(root, result.name).split(path.sep).join("/");
    files.push({ file, durationMs: result.endTime - result.startTime });
    const failuresBefore = failures.length;
    for (const { ancestorTitles, title, status } of result.assertionResults) {
      const test = [file, ...ancestorTitles, title].join(" > ");
      if (status === "passed") passed += 1;
      else if (status === "failed") failures.push(test);
      else {
        const reason = known.find((entry) => entry.test === test || entry.test === file)?.reason;
        if (reason === undefined && isStrict)
          failures.push(`${test} (skipped, and test/skips.json gives no reason)`);
        else skips.push({ test, reason: reason ?? "no reason in test/skips.json" });
      }
    }
    if (result.status === "failed" && failures.length === failuresBefore)
      failures.push(`${file} (does not load)`);
  }
  if (exitCode !== 0 && failures.length === 0) failures.push(`${stage}: an error outside any test`);
  return { passed, failures, skips, files };
}

export function totalOf(tallies: readonly TestTally[]): TestTally {
  return {
    passed: tallies.reduce((sum, tally) => sum + tally.passed, 0),
    failures: tallies.flatMap((tally) => tally.failures),
    skips: tallies.flatMap((tally) => tally.skips),
    files: tallies.flatMap((tally) => tally.files),
  };
}
