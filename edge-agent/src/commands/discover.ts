import { type AgentConfig, loadAgentConfig } from "@millrace/config";
import {
  type Command,
  createLogger,
  formatDuration,
  MillraceError,
  reasonOf,
  systemClock,
} from "@millrace/runtime";
import { connectAsync } from "mqtt";
import { suggestedPipeline } from "../discover/suggested-pipeline.ts";
import { suggestMetrics } from "../discover/suggest-metrics.ts";
import { TopicLog } from "../discover/topic-log.ts";
import { BrokerInput } from "../inputs/broker-input.ts";
import { brokerAddress } from "../inputs/broker-url.ts";
import { CONFIG_FLAG } from "./config-flag.ts";

const TOPICS_SHOWN_MAX = 200;
const SAMPLE_SHOWN_LENGTH = 60;
const PROGRESS_MS = 5_000;

/** `millrace-agent discover`: listens, lists topics, payloads and rates, and prints a pipeline that `check` accepts. */
export const discoverCommand: Command = {
  summary: "listen to what is published, and print a pipeline that would read it",
  details:
    "Reads from the site's broker of `inputs.mqtt`, beside a running agent and without leaving a session; or opens the broker of `inputs.broker` itself, while the agent does not run. Topics, rates and samples go to stderr, the pipeline to stdout.",
  flags: {
    config: CONFIG_FLAG,
    for: { type: "duration", default: "60s", summary: "how long to listen" },
    filter: {
      type: "text",
      default: "#",
      placeholder: "FILTER",
      summary: "MQTT filter of what to listen to",
    },
  },
  async run({ flags, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"));
    const durationMs = flags.durationMs("for") ?? 60_000;
    const log = new TopicLog();
    const stop = await listen(config, flags.requiredText("filter"), log);
    try {
      output.err(`listening for ${formatDuration(durationMs)} …\n`);
      for (let leftMs = durationMs; leftMs > 0; leftMs -= PROGRESS_MS) {
        await new Promise<void>((resolve) => systemClock.after(Math.min(leftMs, PROGRESS_MS), resolve));
        output.err(`${log.messageCount} messages on ${log.topics().length} topics\n`);
      }
    } finally {
      await stop();
    }
    output.err(topicTable(log, durationMs));
    const suggestion = suggestMetrics(log.topics(), { site: config.site, nowMs: systemClock.nowMs() });
    output.out(suggestedPipeline(suggestion));
    return suggestion.metrics.length > 0 ? 0 : 1;
  },
};

async function listen(config: AgentConfig, filter: string, log: TopicLog): Promise<() => Promise<unknown>> {
  const { mqtt, broker } = config.inputs;
  if (mqtt !== null) {
    const { url, username, password, ca, cert, key, protocolVersion } = mqtt;
    try {
      const client = await connectAsync({
        ...brokerAddress(url),
        protocolVersion,
        clean: true,
        reconnectPeriod: 0,
        ...(username === null ? {} : { username }),
        ...(password === null ? {} : { password }),
        ...(ca === null ? {} : { ca }),
        ...(cert === null || key === null ? {} : { cert, key }),
      });
      client.on("error", () => {});
      client.on("message", (topic, payload, { retain }) => log.hear(topic, payload, retain));
      await client.subscribeAsync(filter, { qos: 0 });
      return () => client.endAsync(true);
    } catch (error) {
      throw new MillraceError("service_unreachable", { url, reason: reasonOf(error) }, { cause: error });
    }
  }
  if (broker === null)
    throw new MillraceError("wrong_usage", {
      command: "millrace-agent discover",
      reason: `${config.path} has neither inputs.mqtt nor inputs.broker to listen at`,
    });
  const input = new BrokerInput({
    ...broker,
    name: "broker",
    commandFilters: [],
    clock: systemClock,
    log: createLogger({ level: "error" }),
  });
  await input.start(({ topic, payload, isRetained }) => log.hear(topic, payload, isRetained));
  return () => input.stop();
}

function topicTable(log: TopicLog, durationMs: number): string {
  const topics = log.topics();
  const rows = topics.slice(0, TOPICS_SHOWN_MAX).map(({ topic, messageCount, samples }) => {
    const rate = (messageCount / (durationMs / 1000)).toFixed(2).padStart(9);
    const sample = JSON.stringify(new TextDecoder().decode(samples.at(-1)).slice(0, SAMPLE_SHOWN_LENGTH));
    return `${rate}  ${topic}  ${sample}`;
  });
  const more = topics.length - rows.length;
  return [
    "messages/s  topic  last payload",
    ...rows,
    ...(more > 0 ? [`          … and ${more} more`] : []),
    ...(log.unheardCount > 0 ? [`${log.unheardCount} messages of further topics were not looked at`] : []),
    "",
  ].join("\n");
}
