import { parseArgs } from "node:util";
import { MillraceError, parseDuration, reasonOf } from "@millrace/runtime";

export interface StartOptions {
  /** Stop by itself after this time; null: run until Ctrl-C. */
  readonly forMs: number | null;
  /** Folder of the run; null: a fresh one. */
  readonly dataFolder: string | null;
  /** The dashboard's. */
  readonly port: number;
  readonly isOpened: boolean;
  readonly isHelp: boolean;
}

export const START_HELP = `npm start [-- flags]: the whole line on this machine

Runs central, two sites' agents, an agent for this machine's own sensors, and a simulator as the sites' machines, each as
a process of its own. Ctrl-C stops them in order; a second Ctrl-C at once.

  --for 30s      stop after this time, print the loss ledger, exit 0 only if it adds up and matches the truth
  --data DIR     keep the run's files there and go on with what is there; default: a fresh data/run-<time>
  --port N       the dashboard's port; default 8080, the next free one when it is taken
  --open         open the dashboard in the browser`;

const PORT_DEFAULT = 8_080;

export function parseStartOptions(args: readonly string[]): StartOptions {
  const values = parse(args);
  const forMs = values.for === undefined ? null : parseDuration(values.for);
  if (forMs === undefined) throw wrongUsage(`--for ${values.for} is no duration; write it like 30s or 2m`);
  const port = values.port === undefined ? PORT_DEFAULT : Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw wrongUsage(`--port ${values.port} is no port`);
  return { forMs, dataFolder: values.data ?? null, port, isOpened: values.open, isHelp: values.help };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        for: { type: "string" },
        data: { type: "string" },
        port: { type: "string" },
        open: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw wrongUsage(reasonOf(error));
  }
}

function wrongUsage(reason: string): MillraceError {
  return new MillraceError("wrong_usage", { command: "npm start --", reason });
}
