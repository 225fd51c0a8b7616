import type { z } from "zod";
import type { centralSchema } from "./central-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import { pathText } from "./schema-problems.ts";

/** Two streams in one consumer group would get some of the partitions each: what is in the others would be in no window. */
export function checkKafkaGroups(reader: ConfigReader, { records }: z.output<typeof centralSchema>): void {
  const streams = Object.entries(records).flatMap(([name, { kafka }]) =>
    kafka?.group === undefined ? [] : { name, group: kafka.group, brokers: kafka.brokers },
  );
  for (const [index, own] of streams.entries()) {
    // Of brokers that have no address in common nobody can say whether they are one cluster.
    const other = streams
      .slice(0, index)
      .find(
        ({ group, brokers }) => group === own.group && brokers.some((each) => own.brokers.includes(each)),
      );
    if (other === undefined) continue;
    const path = ["records", own.name, "kafka", "group"];
    reader.problem(
      path,
      `${pathText(path)} is ${own.group}, and so is ${pathText(["records", other.name, "kafka", "group"])}: each would be given a part of the partitions only; give each its own`,
    );
  }
}
