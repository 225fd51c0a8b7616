import type { CentralConfig } from "@millrace/config";
import { systemClock, systemRandom } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { CentralOptions } from "../central.ts";
import { KafkaLog } from "./kafka-log.ts";

/** Makes the log that the configuration asks for, anew for each central; nothing where the store alone is to be it. */
export async function openUplinkLog(
  { intake: { kafka } }: Pick<CentralConfig, "intake">,
  log: Logger,
): Promise<() => Pick<CentralOptions, "uplinkLog">> {
  if (kafka === null) return () => ({});
  const { PlatformaticClient } = await import("@millrace/kafka");
  const { topic, patienceMs } = kafka;
  const process = systemRandom.hex(8);
  return () => ({
    uplinkLog: {
      name: topic,
      log: new KafkaLog({
        topic,
        client: new PlatformaticClient(kafka),
        process,
        clock: systemClock,
        log,
        patienceMs,
      }),
    },
  });
}
