import { LEVEL_NAMES } from "@millrace/detect";
import { areBounds, HISTOGRAM_BOUNDS_MAX } from "@millrace/stream";
import { CONTENT_TYPE } from "@millrace/wire";
import { z } from "zod";
import { accumulatorMistake, boundsMistake } from "./accumulator-mistake.ts";
import { jsonPath, sourceSchema } from "./source-schema.ts";
import { zoneSchema } from "./zone-schema.ts";
import {
  bytes,
  duration,
  explains,
  finite,
  flag,
  labelName,
  labelValue,
  name,
  oneOf,
  takes,
  text,
  timeUnit,
  topic,
  version,
  wholeNumber,
} from "./schema-types.ts";

/** Accumulators without parameters, in the order in which documentation lists them. */
export const PLAIN_ACCUMULATORS = [
  "count",
  "sum",
  "min",
  "max",
  "range",
  "mean",
  "first",
  "last",
  "quantiles",
  "distinct",
  "topk",
  "increase",
  "timeMean",
  "distance",
  "distinctMany",
] as const;

const accumulator = () =>
  explains(
    takes(
      z.union([
        z.enum(PLAIN_ACCUMULATORS),
        z.strictObject({
          histogram: explains(
            takes(
              z.array(z.number()).refine(areBounds),
              `a list of 1 to ${HISTOGRAM_BOUNDS_MAX} ascending bounds`,
            ),
            boundsMistake,
          ),
        }),
        z.strictObject({
          ratio: takes(
            z.union([
              z.strictObject({ below: z.number() }),
              z.strictObject({ equal: z.number() }),
              z.strictObject({ above: z.number() }),
            ]),
            "{ below: 80 }, { equal: 80 } or { above: 80 }",
          ),
        }),
      ]),
      `one of ${PLAIN_ACCUMULATORS.join(", ")}, { histogram: [10, 20] } and { ratio: { above: 80 } }`,
    ),
    accumulatorMistake,
  );

export const metricSchema = () =>
  z.strictObject({
    unit: text().describe("Unit for people: °C, bar, 1."),
    from: sourceSchema().describe(
      "Where its readings come from: a topic with number, json, csv, senml or influx, or sparkplug, or host.",
    ),
    accumulate: z
      .array(accumulator())
      .min(1)
      .prefault(["count", "mean", "min", "max", "sum"])
      .describe("What its windows can tell."),
    live: flag().prefault(false).describe("Whether open windows are shown while they fill."),
  });

export const windowSchema = () =>
  z.strictObject({
    metric: name().describe("The metric that it aggregates."),
    size: duration({ min: "100ms", max: "31d" })
      .optional()
      .describe("Its length in event time; every window has it that has no session."),
    slide: duration({ min: "100ms", max: "31d" })
      .optional()
      .describe("Distance between starts; default: size (tumbling)."),
    offset: duration({ min: "0s", max: "31d" })
      .optional()
      .describe("Starts lie this much after the multiples of the slide since 1970, UTC; default: 0s."),
    timeZone: takes(z.string().min(1), "an IANA time zone such as Europe/Berlin")
      .optional()
      .describe("With size 1d: days from midnight to midnight there; default: days of UTC."),
    session: z
      .strictObject({
        gap: duration({ min: "100ms", max: "7d" }).describe("A silence longer than this ends a session."),
        longest: duration({ min: "200ms", max: "31d" })
          .prefault("1d")
          .describe("A session that becomes longer is cut at multiples of this."),
      })
      .optional()
      .describe("Instead of size: readings of a group that follow one another without a longer silence."),
    by: z
      .array(labelName())
      .prefault([])
      .describe("Labels that it is grouped by; none: one window over everything."),
    late: z
      .strictObject({
        allowed: duration({ min: "0s", max: "365d" })
          .prefault("7d")
          .describe(
            "How long after its end, by the clock, it still takes corrections. No less than readings are out of order.",
          ),
      })
      .prefault({})
      .describe("Late data."),
  });

const limits = () => ({
  above: finite().optional().describe("Raised above this value."),
  below: finite().optional().describe("Raised below this value, instead of `above`."),
  clearBelow: finite()
    .optional()
    .describe("With above: back to normal below this value; default: the limit."),
  clearAbove: finite()
    .optional()
    .describe("With below: back to normal above this value; default: the limit."),
});
const level = () =>
  z.strictObject({
    limit: finite().describe("The level begins beyond this value."),
    severity: wholeNumber(1, 1000).optional().describe("The alarm's severity at it; default: the rule's."),
  });
const notNegative = () => takes(z.number().min(0), "a number from 0");

export const ruleSchema = () =>
  z.strictObject({
    metric: name().optional().describe("The metric whose every reading it watches."),
    window: name()
      .optional()
      .describe("Instead of metric: the window that it watches, one alarm for each of its groups."),
    value: takes(z.string().min(1), "a result of the window, such as mean, p95 or count")
      .optional()
      .describe("With window: which of its results; judged when the agent's watermark has passed its end."),
    at: oneOf(["agent", "central"])
      .optional()
      .describe(
        "With window: who judges it. An agent looks at its own series, central at all sites; default: agent, of records central.",
      ),
    state: oneOf(["provisional", "complete", "final"])
      .optional()
      .describe(
        "Of windows at central: judged first when it is provisional, complete (or has been waited for), or final; default: complete.",
      ),
    reportingAtLeast: takes(z.number().min(0).max(1), "a share from 0 to 1")
      .optional()
      .describe(
        "With state complete: share of the expected agents that a window needs to be judged; default: 0.",
      ),
    latch: flag()
      .optional()
      .describe("Of windows at central: whether the alarm stays until a person resets it; default: false."),
    when: z
      .strictObject({
        ...limits(),
        levels: z
          .strictObject({
            lowLow: level().optional().describe("Worse than low."),
            low: level().optional().describe("Below its limit."),
            high: level().optional().describe("Above its limit."),
            highHigh: level().optional().describe("Worse than high."),
          })
          .optional()
          .describe("Instead of above and below: one alarm at the worst level whose limit is broken."),
        hysteresis: notNegative()
          .optional()
          .describe("With levels: a level is left this much inside its limit; default: 0."),
        rateOfChange: z
          .strictObject({
            ...limits(),
            per: duration({ min: "1ms", max: "7d" }).describe("The time that the limit is for."),
            over: duration({ min: "100ms", max: "7d" })
              .optional()
              .describe(
                "The span of event time whose slope it is; of windows default: from one to the next.",
              ),
          })
          .optional()
          .describe("The slope (least squares) of the latest readings."),
        stuck: z
          .strictObject({
            for: duration({ min: "1s", max: "7d" }).describe("How long the value must stand still."),
            within: notNegative().prefault(0).describe("What it may move all the same."),
          })
          .optional()
          .describe("The value stands still while readings keep coming."),
        missing: z
          .strictObject({
            for: duration({ min: "1s", max: "7d" }).describe("How long nothing must have come."),
          })
          .optional()
          .describe(
            "No reading comes of a series, or of a window's group at central, that was heard before.",
          ),
        zone: z
          .strictObject({
            in: z
              .array(labelValue())
              .min(1)
              .optional()
              .describe("Raised when it comes into one of these zones: an alarm for each."),
            notIn: z
              .array(labelValue())
              .min(1)
              .optional()
              .describe("Instead: raised when it is in none of these."),
          })
          .optional()
          .describe("With a metric of records that has zoneLabel: where a series is."),
        distinct: z
          .strictObject({
            of: z
              .record(labelName(), jsonPath())
              .describe("What is counted, one name and where it stands in a record: { payee: $.to }."),
            by: z
              .record(labelName(), jsonPath())
              .describe("What it is counted for, and one alarm for each: { account: $.from }."),
            atLeast: wholeNumber(2, 100).describe("Raised at so many different ones that are new."),
            within: duration({ min: "1s", max: "1d" }).describe("The sliding window of event time, exact."),
            knownFor: duration({ min: "1s", max: "365d" })
              .prefault("90d")
              .describe(
                "One is new where it has not been in a record of the same `by` for longer than this.",
              ),
            knownMax: wholeNumber(1, 100_000_000)
              .prefault(20_000_000)
              .describe("Pairs of `by` and `of` that are remembered; of more the oldest are forgotten."),
          })
          .optional()
          .describe("With a metric of records, judged by central: so many different ones, all of them new."),
        forAtLeast: duration({ min: "0s", max: "7d" })
          .prefault("0s")
          .describe("How long, in event time, before it is raised; with stuck and missing added to `for`."),
      })
      .describe("The condition."),
    severity: wholeNumber(1, 1000).describe("1 least to 1000 most urgent."),
    message: text().optional().describe("What people read; default: the condition in words."),
    action: z
      .strictObject({
        publish: topic().describe("Topic of the command; {names} are the reading's labels."),
        payload: text().describe("The command."),
        confirm: z
          .strictObject({
            topic: topic().describe("Where the machine answers; {commandId} is the command's id."),
            equals: text().describe("The answer that confirms; {commandId} is the command's id."),
            id: jsonPath()
              .optional()
              .describe(
                "The answer is JSON, with the id of the command that it answers there: no other one confirms.",
              ),
            value: jsonPath()
              .optional()
              .describe("With id: where the answer itself stands, as `equals` has it."),
            correlation: flag()
              .prefault(false)
              .describe(
                "The command goes out with its id as MQTT 5 correlation data, and only an answer that brings it back confirms; at inputs.mqtt with `protocol: 5`.",
              ),
            within: duration({ min: "10ms", max: "1h" }).describe("How long the answer may take."),
          })
          .optional()
          .describe("The confirmation expected."),
        retry: wholeNumber(0, 100).prefault(3).describe("How often an unconfirmed command is sent again."),
        validFor: duration({ min: "100ms", max: "1h" })
          .prefault("10s")
          .describe("A device must not obey the command later."),
        atLevels: z
          .array(oneOf(LEVEL_NAMES))
          .min(1)
          .optional()
          .describe("With levels: those that act, and the ones beyond them; default: all."),
        atMostPerMinute: wholeNumber(1, 1000)
          .optional()
          .describe(
            "Commands to one topic within a minute, retries counted; what is more waits, and is sent if still needed.",
          ),
        latch: flag().prefault(true).describe("Whether the alarm stays until a person resets it."),
        armed: flag().prefault(false).describe("false: dry run, everything but the sending."),
        escalateSeverity: wholeNumber(1, 1000)
          .optional()
          .describe("Severity once unconfirmed; default: the greatest severity + 100."),
      })
      .optional()
      .describe("What is done about it."),
  });

const maintenance = () =>
  z.strictObject({
    topic: topic().describe(
      "Retained messages; {names} are labels, and the message is for the series that have them.",
    ),
    equals: text().describe("The message that begins a maintenance; every other one ends it."),
    longest: duration({ min: "1m", max: "31d" })
      .prefault("24h")
      .describe("It ends by itself after this, until the topic has said otherwise in between."),
  });

/** One of `evidence` as people write it. */
const evidence = () =>
  z.strictObject({
    topic: topic().describe(
      "Each message is taken as a whole; what its {names} capture becomes labels. It feeds no metric.",
    ),
    time: z
      .strictObject({
        capture: labelName().describe("The {name} of the topic that is the event time, and no label."),
        unit: timeUnit(),
      })
      .optional()
      .describe("Its own time; without it its time is that of its arrival, and it is kept at least once."),
    contentType: takes(z.string().regex(CONTENT_TYPE).max(256), "a media type such as text/csv or image/jpeg")
      .prefault("application/octet-stream")
      .describe("What central serves it as."),
    bytesMax: bytes({ min: "1B", max: "64MiB" })
      .prefault("32MiB")
      .describe("A greater payload is rejected (oversized); the agent's own limits do not count here."),
  });

/** pipeline.yaml as people write it. */
export const pipelineSchema = () =>
  z.strictObject({
    version: version(),
    metrics: z.record(name(), metricSchema()).describe("What is measured, by name."),
    windows: z.record(name(), windowSchema()).prefault({}).describe("What is aggregated, by name."),
    rules: z.record(name(), ruleSchema()).prefault({}).describe("What is watched, by name."),
    zones: z
      .record(labelValue(), zoneSchema())
      .prefault({})
      .describe("Areas on the earth by name, for zoneLabel; of those that overlap the first counts."),
    evidence: z
      .record(name(), evidence())
      .prefault({})
      .describe("Payloads that central keeps as they are, by name: waveforms, images, files."),
    maintenance: maintenance()
      .optional()
      .describe("A topic that says what is in maintenance: its alarms are suppressed and never act."),
  });

export type PipelineFile = z.output<ReturnType<typeof pipelineSchema>>;
export type EvidenceFile = z.output<ReturnType<typeof evidence>>;
export type MetricFile = z.output<ReturnType<typeof metricSchema>>;
export type WindowFile = z.output<ReturnType<typeof windowSchema>>;
export type RuleFile = z.output<ReturnType<typeof ruleSchema>>;
