import { parseArgs } from "node:util";
import { MillraceError } from "@millrace/runtime";
import { formatVerdict } from "../verify/format-verdict.ts";
import { verifyTruth, type Verdict } from "../verify/verify-truth.ts";

export const VERIFY_HELP = `millrace-sim verify --truth FILE --central URL [--json]

Computes every window of central's pipeline from the truth, reading by reading, and compares what central says: count,
min and max exactly, sum within 1e-12 of the sum of magnitudes; then the alarms, by the event time of their crossing.

  --truth FILE     written by millrace-sim run
  --central URL    central's HTTP address, like http://127.0.0.1:8080
  --json           the verdict as JSON

Exit: 0 all is as the truth says, 1 not, 2 wrong use.`;

export async function verifyCommand(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      truth: { type: "string" },
      central: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${VERIFY_HELP}\n`);
    return 0;
  }
  if (values.truth === undefined || values.central === undefined) {
    throw new MillraceError("wrong_usage", {
      command: "millrace-sim verify",
      reason: `--${values.truth === undefined ? "truth" : "central"} is missing`,
    });
  }
  const verdict = await verifyTruth({ truthPath: values.truth, centralUrl: values.central });
  process.stdout.write(`${values.json ? toJson(verdict) : formatVerdict(verdict)}\n`);
  return verdict.isRight ? 0 : 1;
}

function toJson(verdict: Verdict): string {
  const readings = { ...verdict.readings, ackedBySite: Object.fromEntries(verdict.readings.ackedBySite) };
  return JSON.stringify({ ...verdict, readings }, null, 2);
}
