import type { KafkaConnection } from "@millrace/kafka";
import type { CommandInput } from "@millrace/runtime";
import { passwordLogin } from "./password-login.ts";
import { textOfFile } from "./text-of-file.ts";
import { wrongUsage } from "./wrong-usage.ts";

const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** As the flags say who the simulator is at brokers, of records and of readings. */
export function kafkaConnection(input: CommandInput, brokers: readonly string[]): KafkaConnection {
  const { flags } = input;
  const [ca, cert, key] = ["kafka-ca", "kafka-cert", "kafka-key"].map((flag) => textOfFile(flags.text(flag)));
  if ((cert === null) !== (key === null))
    throw wrongUsage(input.name, "--kafka-cert and --kafka-key go together: name both, or neither");
  const isEncrypted = flags.isOn("kafka-tls") || ca !== null || cert !== null;
  const login = passwordLogin(input, "kafka");
  const given = flags.text("kafka-sasl");
  const mechanism = MECHANISMS.find((each) => each === given);
  if (mechanism === undefined)
    throw wrongUsage(input.name, `--kafka-sasl ${given} is none of ${MECHANISMS.join(", ")}`);
  return {
    brokers,
    clientId: "millrace-sim",
    tls: isEncrypted ? { ca, cert, key } : null,
    sasl: login === null ? null : { mechanism, username: login.user, password: login.password },
  };
}
