import { onTestFinished } from "vitest";
import type { CrashingStore } from "../crashing-store.test-support.ts";
import type { FakeKafka } from "../records/fake-kafka.test-support.ts";
import { KafkaLog } from "./kafka-log.ts";
import { LoggedCentral } from "./logged-central.test-support.ts";

/** A central whose log is this topic; gone with the test. */
export async function centralOn(
  kafka: FakeKafka,
  store?: CrashingStore,
  patienceMs = 600_000,
): Promise<LoggedCentral> {
  const logged = await LoggedCentral.start(
    (clock, log) => ({
      name: "log",
      log: new KafkaLog({ topic: "log", client: kafka, process: "test", clock, log, patienceMs }),
    }),
    store === undefined ? {} : { store },
  );
  onTestFinished(async () => void (await logged.crash()));
  return logged;
}

/** Readings of an agent that count. */
export const merged = ({ central }: LoggedCentral, agent: string) => central.ledger().get(agent)?.merged ?? 0;

/** Alarms, but for those of silence. */
export const told = ({ central }: LoggedCentral) =>
  central
    .alarms()
    .map(({ rule, message }) => `${rule}: ${message}`)
    .filter((text) => !text.startsWith("agent_silent"));
