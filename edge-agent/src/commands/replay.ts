import { statSync } from "node:fs";
import { formatWarnings, loadAgentConfig, loadAgentPipeline } from "@millrace/config";
import { type Command, MillraceError, onStopSignals, reasonOf, systemClock } from "@millrace/runtime";
import { fileReading } from "../replay/file-reading.ts";
import { PrintReport } from "../replay/print-report.ts";
import { recordedFile } from "../replay/recorded-file.ts";
import { replay } from "../replay/replay.ts";
import { CONFIG_FLAG } from "./config-flag.ts";

/** What it knows by then is printed in less; a second signal does not wait at all. */
const STOP_MS_MAX = 800;
/** As a shell has it for who was interrupted. */
const STOPPED_CODE = 130;
/** Each is open at once, and a shell usually lets a program have 1,024. */
const FILES_MAX = 500;

/** `millrace-agent replay`: the pipeline over recorded files, in their own time; nothing is stored, nothing acts. */
export const replayCommand: Command = {
  summary: "run the pipeline over recorded files and print windows and alarms",
  details: `A recording is JSON lines of { topic, payload, time? }, as mosquitto_sub -F '%J' prints them, or a file as inputs.files or
POST /write takes it: one that matches an entry of inputs.files is read as that says, .lp as line protocol, others with
--topic and --format. - is the standard input, .gz is unpacked. Several files are merged by time. Time is that of the
recording: a line's time, else the newest reading's own. The running agent and its store are not touched, and no command
goes out: actions are shown as dry runs.

Exit codes: 0 every line was read; 1 some were bad (file:line:column on stderr), or a file could not be read; 2 wrong use;
130 stopped by a signal: what was known by then is printed.
Readings that the agent would reject are no bad lines: they are in the ledger at the end.`,
  flags: {
    config: CONFIG_FLAG,
    json: { type: "switch", summary: "print JSON lines: windows, alarms, at the end a summary" },
    format: { type: "text", placeholder: "FORMAT", summary: "records, lines, csv-with-header or influx" },
    topic: { type: "text", placeholder: "TOPIC", summary: "topic of all lines; {file} is the file's name" },
    delimiter: { type: "text", placeholder: "CHARACTER", summary: "between two cells (default ,)" },
    time: { type: "text", placeholder: "FIELD", summary: "field of each line or row that says when it came" },
    precision: { type: "text", placeholder: "UNIT", summary: "of the times in line protocol (default ns)" },
  },
  words: ["FILE…"],
  async run({ flags, words, output }) {
    const { config, warnings } = loadAgentConfig(flags.requiredText("config"));
    const pipeline = loadAgentPipeline(config.pipelinePath);
    const warning = formatWarnings([...pipeline.warnings, ...warnings]);
    if (warning !== null) output.err(`warning: ${warning}\n`);
    if (words.length > FILES_MAX)
      throw new MillraceError("wrong_usage", {
        command: "millrace-agent replay",
        reason: `${words.length} files are given; it takes ${FILES_MAX} at once`,
      });
    const sizes = words.map(sizeOf);
    const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
    const readBytes = new Float64Array(words.length);
    const files = words.map((path, index) =>
      recordedFile({
        path,
        reading: fileReading(
          path,
          {
            format: flags.text("format"),
            topic: flags.text("topic"),
            delimiter: flags.text("delimiter"),
            timeField: flags.text("time"),
            precision: flags.text("precision"),
          },
          config.inputs.files,
        ),
        progress: (bytes) => (readBytes[index] = bytes),
      }),
    );
    const report = new PrintReport({
      output,
      isJson: flags.isOn("json"),
      monotonicMs: () => systemClock.monotonicMs(),
      share: () => (sizeBytes === 0 ? null : readBytes.reduce((sum, bytes) => sum + bytes, 0) / sizeBytes),
    });
    const stopping = new AbortController();
    const leave = () => process.exit(STOPPED_CODE);
    let isOver = false;
    const stop = () => {
      // Nobody waits for what computes on, nor for a pipe that says nothing.
      const late = systemClock.after(STOP_MS_MAX, () => {
        report.flush();
        // Node waits for a read of a pipe that says nothing, also in its exit.
        if (isOver) process.kill(process.pid, "SIGINT");
        else leave();
      });
      late.unref?.();
      stopping.abort();
    };
    const listenNoMore = onStopSignals({ stop, force: leave });
    const todayMs = () => systemClock.nowMs();
    const { signal } = stopping;
    const totals = await replay({
      config,
      pipeline: pipeline.config,
      files,
      report,
      todayMs,
      stop: signal,
    });
    listenNoMore();
    isOver = true;
    const { isBalanced } = report.totals(totals);
    if (totals.isStopped) {
      output.err(`replay: stopped by a signal; the rest was not replayed\n`);
      return STOPPED_CODE;
    }
    return totals.badLines === 0 && isBalanced ? 0 : 1;
  },
};

function sizeOf(path: string): number {
  if (path === "-") return 0;
  try {
    return statSync(path).size;
  } catch (error) {
    throw new MillraceError("file_unreadable", { path, reason: reasonOf(error) }, { cause: error });
  }
}
