import { MillraceError, type Command } from "@millrace/runtime";
import { type ReadingWatch, readNumberedTruth } from "../truth/read-truth.ts";
import { RepeatedRun } from "../truth/repeated-run.ts";
import { TruthLog } from "../truth/truth-log.ts";
import { withReadProgress } from "./with-read-progress.ts";

const FLUSH_LINES = 10_000;

/** `millrace-sim repeat`: exit 0 if every line comes out as it was. */
export const REPEAT_COMMAND: Command = {
  summary: "make a run again from its truth, and compare",
  details: `Takes plan, seed, starts and commands from the truth of \`millrace-sim run\`, makes every reading, state, fault, alarm and
waveform again at full speed, and stops at the first that is not as the truth has it. Publishes nothing.
Exit: 0 the same in every line, 1 not.`,
  flags: {
    truth: { type: "text", placeholder: "FILE", summary: "written by millrace-sim run", isRequired: true },
    into: { type: "text", placeholder: "FILE", summary: "where to write what was made again, JSON lines" },
  },
  async run({ name, flags, output }) {
    const path = flags.requiredText("truth");
    const into = flags.text("into");
    if (into === path)
      throw new MillraceError("wrong_usage", { command: name, reason: "--into is the truth itself" });
    const log = into === undefined ? null : new TruthLog(into);
    const run = new RepeatedRun({ path, record: (line) => log?.append(line) });
    const repeat = async (watch: ReadingWatch) => {
      for await (const { number, line } of readNumberedTruth(path, watch)) {
        const difference = run.onLine(line);
        if (difference !== null) return { number, ...difference };
        if (run.lineCount % FLUSH_LINES === 0) log?.flush();
      }
      return null;
    };
    const difference = await withReadProgress({ path, write: (text) => output.err(text) }, repeat).finally(
      () => log?.close(),
    );
    if (difference !== null) {
      const { number, expected, made } = difference;
      output.out(
        `✗ line ${number} of the truth does not come out as it is there\n  truth ${expected}  again ${made === "" ? "nothing\n" : made}`,
      );
      return 1;
    }
    if (run.lineCount === 0) throw new MillraceError("truth_empty", { path });
    output.out(`✓ ${run.lineCount} lines made again, each as in the truth\n`);
    return 0;
  },
};
