import { systemClock } from "@millrace/runtime";
import { ReadProgress, type ReadProgressOptions } from "../progress/read-progress.ts";
import { statusLineOf } from "./status-line-of.ts";

/** Does the work, which reads a truth, and says meanwhile how far it is: beside the output, on a terminal or every 10 s. */
export async function withReadProgress<Result>(
  options: Pick<ReadProgressOptions, "path" | "write">,
  work: (progress: ReadProgress) => Promise<Result>,
): Promise<Result> {
  const progress = new ReadProgress({ ...options, clock: systemClock, status: statusLineOf(process.stderr) });
  progress.start();
  try {
    return await work(progress);
  } finally {
    progress.stop();
  }
}
