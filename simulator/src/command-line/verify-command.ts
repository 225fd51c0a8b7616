import type { Command } from "@millrace/runtime";
import { formatVerdict } from "../verify/format-verdict.ts";
import { notYet } from "../verify/not-yet.ts";
import { tokenLogin } from "./token-login.ts";
import { wrongUsage } from "./wrong-usage.ts";
import { withReadProgress } from "./with-read-progress.ts";
import { verifyTruth, type Verdict } from "../verify/verify-truth.ts";

/** `millrace-sim verify`: exit 0 only if central says what the truth says. */
export const VERIFY_COMMAND: Command = {
  summary: "compare central's windows, alarms and ledger with the truth",
  details: `Computes every window of central's pipeline from the truth, reading by reading, and compares what central says of all
that its metric accumulates: count, min and max exactly, sum within 1e-12 of the sum of magnitudes; then the alarms, by the event
times of their begin and end, and the ledger. What the truth says was lost or spoilt is not expected; what came after a window's lateness must be counted as too
late; windows that hold readings of which nobody can be sure are held against bounds, and counted as unsure.
Records are made again from the truth, and their windows and streams' ledgers compared; what is not judged is listed.
Exit: 0 all is as the truth says, 1 not, 3 not yet: central still waits for agents, which are named.`,
  flags: {
    truth: { type: "text", placeholder: "FILE", summary: "written by millrace-sim run", isRequired: true },
    central: {
      type: "text",
      placeholder: "URL",
      summary: "central's address, like http://127.0.0.1:8080",
      isRequired: true,
    },
    "token-file": {
      type: "text",
      placeholder: "FILE",
      summary: "holds a token that central's http.tokens knows; without: MILLRACE_TOKEN",
    },
    "beside-others": {
      type: "switch",
      summary: "others write to this central too; without, what the truth cannot have made is wrong",
    },
    json: { type: "switch", summary: "print the verdict as JSON" },
  },
  async run({ name, flags, output }) {
    const centralUrl = flags.requiredText("central");
    if (!/^https?:\/\/[^\s/]+\/*$/.test(centralUrl))
      throw wrongUsage(name, `--central ${centralUrl} is not http://HOST:PORT`);
    const login = tokenLogin(flags.text("token-file"));
    const truthPath = flags.requiredText("truth");
    const isBesideOthers = flags.isOn("beside-others");
    const verdict = await withReadProgress({ path: truthPath, write: (text) => output.err(text) }, (watch) =>
      verifyTruth({ truthPath, centralUrl, login, isBesideOthers, watch }),
    );
    output.out(`${flags.isOn("json") ? toJson(verdict) : formatVerdict(verdict)}\n`);
    if (verdict.isRight) return 0;
    return notYet(verdict) === null ? 1 : 3;
  },
};

function toJson(verdict: Verdict): string {
  const readings = { ...verdict.readings, ackedBySite: Object.fromEntries(verdict.readings.ackedBySite) };
  return JSON.stringify({ ...verdict, readings }, null, 2);
}
