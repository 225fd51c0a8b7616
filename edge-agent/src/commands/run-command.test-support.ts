import { type Command, runProgram } from "@millrace/runtime";

/** Runs one of these commands of the agent; what it printed, and `text`: all of it, in order. */
export async function runCommand(commands: Readonly<Record<string, Command>>, argv: readonly string[]) {
  const printed = { out: "", err: "", text: "" };
  const print = (stream: "out" | "err") => (text: string) => {
    printed[stream] += text;
    printed.text += text;
  };
  const program = { name: "millrace-agent", summary: "", version: () => "", commands };
  const code = await runProgram(program, argv, { out: print("out"), err: print("err") });
  return { code, ...printed };
}
