import type { CentralConfig } from "@millrace/config";
import { systemClock, systemRandom } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { BrokerIntake } from "./broker-intake.ts";
import type { IntakeTarget } from "./mqtt-intake.ts";

/** Connects to the broker of others that the configuration names; null where it names none. */
export async function openBrokerIntake(
  { intake: { broker }, agents }: Pick<CentralConfig, "intake" | "agents">,
  target: IntakeTarget,
  log: Logger,
): Promise<BrokerIntake | null> {
  if (broker === null) return null;
  const { BrokerIntake: Intake } = await import("./broker-intake.ts");
  const options = { broker, identities: agents, target, clock: systemClock, random: systemRandom, log };
  const intake = new Intake(options);
  intake.start();
  return intake;
}
