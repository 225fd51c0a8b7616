import { spawnSync } from "node:child_process";

export const PROMETHEUS_MISSING = "needs prometheus and promtool on this machine (apt install prometheus)";

/** Debian's package has both. */
export function hasPrometheus(): boolean {
  return ["prometheus", "promtool"].every((program) => spawnSync(program, ["--version"]).status === 0);
}

/** What promtool says, and whether it is content. */
export function promtool(
  args: readonly string[],
  { cwd, input }: { readonly cwd?: string; readonly input?: string } = {},
): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8", cwd, input });
  return { status, output: `${stdout}${stderr}` };
}
