import path from "node:path";
import type { KafkaProducerOptions, PlatformaticClient } from "@millrace/kafka";
import type { Clock, Logger, Random } from "@millrace/runtime";
import { SparkplugNode } from "../format/sparkplug-node.ts";
import { formatOf } from "../plan/format-of.ts";
import type { Plan, SitePlan } from "../plan/plan.ts";
import { topicOf } from "../plant/topic-of.ts";
import { FileOutput } from "./file-output.ts";
import { HttpOutput } from "./http-output.ts";
import { KafkaOutput } from "./kafka-output.ts";
import { readLogin, readPassword } from "./login.ts";
import type { OutgoingMessage } from "./outgoing-message.ts";
import { outputKey } from "./output-key.ts";
import type { Output } from "./output.ts";
import { ReceiverWatch } from "./receiver-watch.ts";
import { SensorConnection } from "./sensor-connection.ts";

interface MachineNames {
  readonly site: string;
  readonly line: string;
  readonly machine: string;
}

/** A client of the cluster that these brokers belong to. */
export type KafkaOfBrokers = (brokers: readonly string[]) => Pick<PlatformaticClient, "bulkProducer">;

export interface OpenOutputsOptions {
  readonly plan: Plan;
  readonly machines: readonly MachineNames[];
  /** Null: none of the plan's sites goes there. */
  readonly kafka: KafkaOfBrokers | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onDelivered: (message: OutgoingMessage) => void;
  readonly onUnsure: (readings: number[]) => void;
  readonly onCommand: (topic: string, payload: string) => void;
}

/** A plan's outputs by `outputKey`, not yet open. */
export function openOutputs(options: OpenOutputsOptions): ReadonlyMap<string, Output> {
  const { plan, clock, log } = options;
  const watches = new Map<string, ReceiverWatch>();
  const watchOf = (receiver: string): ReceiverWatch => {
    let watch = watches.get(receiver);
    if (watch === undefined) watches.set(receiver, (watch = new ReceiverWatch({ receiver, clock, log })));
    return watch;
  };
  const machines = Map.groupBy(options.machines, (machine) => outputKey(plan, machine));
  return new Map(
    [...machines].map(([key, ofKey]) => {
      const site = plan.sites.find((each) => each.site === ofKey[0].site);
      if (site === undefined) throw new Error(`invariant: site ${ofKey[0].site} is in the plan`);
      return [key, openOutput(key, ofKey, site, { ...options, watchOf })] as const;
    }),
  );
}

function openOutput(
  key: string,
  machines: readonly MachineNames[],
  { site, output, format }: SitePlan,
  options: OpenOutputsOptions & { readonly watchOf: (receiver: string) => ReceiverWatch },
): Output {
  const { plan, kafka, clock, random, watchOf, onDelivered, onUnsure, onCommand } = options;
  switch (output.kind) {
    case "mqtt": {
      const metrics = plan.signals.map(({ metric }) => metric);
      return new SensorConnection({
        broker: output.url,
        login: output.login === null ? null : readPassword(output.login),
        qos: output.qos,
        clientId: `millrace-sim-${key.replaceAll("/", "-")}-${random.hex(4)}`,
        commandTopics: machines.map((machine) => topicOf(machine, "command")),
        node:
          format === "sparkplug" ? new SparkplugNode({ group: site, node: machines[0].line, metrics }) : null,
        inFlightMax: plan.publish.inFlightMax,
        clock,
        random,
        watch: watchOf(output.url),
        onDelivered,
        onUnsure,
        onCommand,
      });
    }
    case "http":
      return new HttpOutput({
        url: output.url,
        login: output.login === null ? null : readLogin(output.login),
        clock,
        random,
        watch: watchOf(output.url),
        onDelivered,
      });
    case "kafka": {
      const { brokers, topic, key: recordKey } = output;
      if (kafka === null) throw new Error("invariant: a plan with Kafka has a client of it");
      const watch = watchOf(`Kafka at ${brokers.join(", ")}`);
      const producer = (of: KafkaProducerOptions) => kafka(brokers).bulkProducer(of);
      return new KafkaOutput({ producer, topic, key: recordKey, clock, random, watch, onDelivered });
    }
    case "files": {
      const folder = path.join(output.folder, site);
      return new FileOutput({
        ...output,
        folder,
        formatOf: (level) => {
          const metric = plan.signals.find((signal) => signal.metric === level)?.metric;
          const ofLevel = metric === undefined ? "influx" : formatOf(plan, site, metric);
          return ofLevel === "csv" || ofLevel === "influx" ? ofLevel : "json";
        },
        clock,
        watch: watchOf(folder),
        onDelivered,
      });
    }
  }
}
