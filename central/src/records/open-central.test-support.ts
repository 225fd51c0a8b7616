import { silentLogger } from "@millrace/runtime";
import { SeededRandom } from "@millrace/testkit";
import { Central, type CentralOptions } from "../central.ts";

/** Central with the usual settings, open. */
export async function openCentral(
  options: Pick<
    CentralOptions,
    "agents" | "pipeline" | "records" | "history" | "store" | "uplinkLog" | "clock" | "limits"
  > &
    Partial<Pick<CentralOptions, "log">>,
): Promise<Central> {
  const central = new Central({
    graceMs: 2_000,
    retainMs: 86_400_000,
    evidence: { bytesMax: 2 ** 30, retainMs: 86_400_000, unfinishedMs: 86_400_000 },
    silentAfterMs: 3_000,
    random: new SeededRandom(1),
    log: silentLogger,
    compression: { compress: (bytes) => bytes, decompress: (bytes) => bytes },
    ...options,
  });
  await central.open();
  return central;
}
