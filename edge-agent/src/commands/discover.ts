import { type AgentConfig, loadAgentConfig } from "@millrace/config";
import {
  type Command,
  connectionReason,
  createLogger,
  formatDuration,
  MillraceError,
  onStopSignals,
  plainText,
  systemClock,
} from "@millrace/runtime";
import { rebirthCommand, SPARKPLUG_NAMESPACE, sparkplugPath } from "@millrace/wire";
import { connectAsync } from "mqtt";
import { SparkplugCensus } from "../discover/sparkplug-census.ts";
import { suggestSparkplugMetrics } from "../discover/suggest-sparkplug-metrics.ts";
import { SuggestedNames } from "../discover/suggested-names.ts";
import { suggestedPipeline } from "../discover/suggested-pipeline.ts";
import { suggestMetrics } from "../discover/suggest-metrics.ts";
import { TopicLog } from "../discover/topic-log.ts";
import { BrokerInput } from "../inputs/broker/broker-input.ts";
import { brokerAddress } from "../inputs/broker-url.ts";
import { CONFIG_FLAG } from "./config-flag.ts";

const TOPICS_SHOWN_MAX = 200;
const SAMPLE_SHOWN_LENGTH = 60;
const NAMES_SHOWN_MAX = 8;
const PROGRESS_MS = 5_000;
const ASK_MS = 1_000;
/** Edge nodes asked at once for their births: they must not all answer in the same moment. */
const REBIRTHS_MAX = 20;

/** `millrace-agent discover`: listens, lists topics, payloads and rates, and prints a pipeline that `check` accepts. */
export const discoverCommand: Command = {
  summary: "listen to what is published, and print a pipeline that would read it",
  details:
    "Reads from the site's broker of `inputs.mqtt`, beside a running agent and without leaving a session; or opens the broker of `inputs.broker` itself, while the agent does not run. Topics, rates and samples go to stderr, the pipeline to stdout. Publishes nothing, but with --rebirth: Sparkplug edge nodes tell what they have only when they connect, or when they are asked.",
  flags: {
    config: CONFIG_FLAG,
    for: { type: "duration", default: "60s", summary: "how long to listen" },
    filter: {
      type: "text",
      default: "#",
      placeholder: "FILTER",
      summary: "MQTT filter of what to listen to",
    },
    rebirth: {
      type: "switch",
      summary: "ask Sparkplug edge nodes whose births were not heard to publish them, once each",
    },
  },
  async run({ flags, output }) {
    const { config } = loadAgentConfig(flags.requiredText("config"));
    const wantedMs = flags.durationMs("for") ?? 60_000;
    const log = new TopicLog();
    const census = new SparkplugCensus(config.sparkplug.payloadBytesMax);
    const { publish, stop } = await listen(
      config,
      flags.requiredText("filter"),
      (topic, payload, isRetained) => {
        log.hear(topic, payload, isRetained);
        census.hear(topic, payload);
      },
    );
    let isStopped = false;
    let heardMs = 0;
    const listenNoMore = onStopSignals({ stop: () => (isStopped = true), force: () => process.exit(1) });
    try {
      output.err(`listening for ${formatDuration(wantedMs)}; Ctrl-C ends it earlier …\n`);
      while (heardMs < wantedMs && !isStopped) {
        const waitMs = Math.min(wantedMs - heardMs, ASK_MS);
        await new Promise<void>((resolve) => systemClock.after(waitMs, resolve));
        heardMs += waitMs;
        if (heardMs % PROGRESS_MS === 0 || heardMs === wantedMs || isStopped)
          output.err(`${log.messageCount} messages on ${log.topics().length} topics\n`);
        const unasked = flags.isOn("rebirth") ? census.takeUnasked(REBIRTHS_MAX) : [];
        for (const source of unasked) {
          const { topic, payload } = rebirthCommand(source, systemClock.nowMs());
          await publish(topic, payload);
          output.err(`asked Sparkplug edge node ${plainText(sparkplugPath(source))} for its births\n`);
        }
      }
    } finally {
      listenNoMore();
      await stop();
    }
    output.err(topicTable(log, heardMs));
    output.err(sparkplugTable(census, flags.isOn("rebirth")));
    const names = new SuggestedNames();
    const plainTopics = log.topics().filter(({ topic }) => !isOfSparkplug(topic));
    const plain = suggestMetrics(plainTopics, { site: config.site, nowMs: systemClock.nowMs(), names });
    const sparkplug = suggestSparkplugMetrics(census.sources(), { site: config.site, names });
    const metrics = [...plain.metrics, ...sparkplug.metrics];
    output.out(suggestedPipeline({ metrics, unread: [...plain.unread, ...sparkplug.unread] }));
    return metrics.length > 0 ? 0 : 1;
  },
};

interface Listening {
  publish(topic: string, payload: Uint8Array): Promise<unknown>;
  stop(): Promise<unknown>;
}

async function listen(
  config: AgentConfig,
  filter: string,
  hear: (topic: string, payload: Uint8Array, isRetained: boolean) => void,
): Promise<Listening> {
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
      client.on("message", (topic, payload, { retain }) => hear(topic, payload, retain));
      await client.subscribeAsync(filter, { qos: 0 });
      return {
        publish: (topic, payload) => client.publishAsync(topic, Buffer.from(payload), { qos: 0 }),
        stop: () => client.endAsync(true),
      };
    } catch (error) {
      throw new MillraceError(
        "service_unreachable",
        { url, reason: connectionReason(error, "inputs.mqtt.ca") },
        { cause: error },
      );
    }
  }
  if (broker === null)
    throw new MillraceError("wrong_usage", {
      command: "millrace-agent discover",
      reason: `${config.path} has neither inputs.mqtt nor inputs.broker to listen at`,
    });
  const input = new BrokerInput({
    ...broker,
    sparkplugBytesMax: config.sparkplug.payloadBytesMax,
    name: "broker",
    commandFilters: [],
    clock: systemClock,
    log: createLogger({ level: "error" }),
  });
  await input.start(({ topic, payload, isRetained }) => hear(topic, payload, isRetained));
  return {
    publish: (topic, payload) => input.publish(topic, payload, { qos: 0 }),
    stop: () => input.stop(),
  };
}

function isOfSparkplug(topic: string): boolean {
  return topic.startsWith(`${SPARKPLUG_NAMESPACE}/`);
}

function topicTable(log: TopicLog, durationMs: number): string {
  const topics = log.topics();
  const rows = topics.slice(0, TOPICS_SHOWN_MAX).map(({ topic, messageCount, samples }) => {
    const rate = (messageCount / (durationMs / 1000)).toFixed(2).padStart(9);
    const text = new TextDecoder().decode(samples.at(-1)).slice(0, SAMPLE_SHOWN_LENGTH);
    const sample = isOfSparkplug(topic) ? "Sparkplug B" : JSON.stringify(text);
    return `${rate}  ${plainText(topic)}  ${plainText(sample)}`;
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

/** Empty where nothing of Sparkplug was heard. */
function sparkplugTable(census: SparkplugCensus, isAsking: boolean): string {
  const sources = census.sources();
  if (sources.length + census.unreadCount === 0) return "";
  const rows = sources.slice(0, TOPICS_SHOWN_MAX).map(({ source, isBorn, metrics }) => {
    const names = [...metrics.keys()].slice(0, NAMES_SHOWN_MAX).join(", ");
    const birth = isBorn ? "heard" : "     ";
    const more = metrics.size > NAMES_SHOWN_MAX ? ", …" : "";
    const said = `${plainText(sparkplugPath(source))}  ${plainText(names)}${more}`;
    return `${birth}  ${String(metrics.size).padStart(7)}  ${said}`;
  });
  const more = sources.length - rows.length;
  const unborn = census.unbornNodes().length;
  const wayOut = isAsking
    ? "asked, they did not answer in time: listen for longer"
    : "nothing was asked of them; with --rebirth discover asks each once (a command to the node)";
  return [
    "Sparkplug B",
    "birth  metrics  edge node or device",
    ...rows,
    ...(more > 0 ? [`… and ${more} more`] : []),
    ...(unborn > 0 ? [`births of ${unborn} edge nodes or their devices were not heard; ${wayOut}`] : []),
    ...(census.unreadCount > 0 ? [`${census.unreadCount} messages could not be read`] : []),
    "",
  ].join("\n");
}
