import { spawnSync } from "node:child_process";
import { expect } from "vitest";
import { checkoutPath } from "../../scripts/start/run-folder.ts";

/** The run is made again from its truth, message for message. */
export function expectRepeat(truthPath: string): void {
  const main = checkoutPath("simulator/src/main.ts");
  const repeat = spawnSync(process.execPath, [main, "repeat", "--truth", truthPath], { encoding: "utf8" });
  expect(repeat.stdout).toContain("each as in the truth");
}
