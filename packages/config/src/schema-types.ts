import { formatDuration, parseDuration } from "@millrace/runtime";
import { LABEL_LENGTH_MAX, parseTopicTemplate, TIME_UNITS } from "@millrace/wire";
import { z } from "zod";

/** What each leaf takes, as the end of "it must be …"; for messages and docs/config.md. */
const phrases = z.registry<{ readonly takes: string }>();

/** What is wrong with a value, in more words than what its place takes. */
export interface Mistake {
  /** Where in the value. */
  readonly at: readonly (string | number)[];
  readonly message: string;
}

const explanations = z.registry<{ readonly explain: (value: unknown) => Mistake | undefined }>();

/** Says what is wrong with a value that a finished schema does not take. */
export function explains<Schema extends z.ZodType>(
  schema: Schema,
  explain: (value: unknown) => Mistake | undefined,
): Schema {
  explanations.add(schema, { explain });
  return schema;
}

export function mistakeOf(schema: z.ZodType, value: unknown): Mistake | undefined {
  return explanations.get(schema)?.explain(value);
}

/** Says what a finished leaf schema takes. */
export function takes<Schema extends z.ZodType>(schema: Schema, phrase: string): Schema {
  phrases.add(schema, { takes: phrase });
  return schema;
}

export function phraseOf(schema: z.ZodType): string | undefined {
  return phrases.get(schema)?.takes;
}

const DURATION_PATTERN = /^\d+(\.\d+)?(ms|s|m|h|d)$/;

/** A duration in ms. Bounds are durations themselves. */
export function duration(bounds: { readonly min: string; readonly max: string }) {
  const [minMs, maxMs] = [parseDuration(bounds.min) ?? 0, parseDuration(bounds.max) ?? 0];
  const schema = z
    .string()
    .regex(DURATION_PATTERN)
    .refine((text) => {
      const ms = parseDuration(text);
      return ms === undefined ? !DURATION_PATTERN.test(text) : ms >= minMs && ms <= maxMs;
    })
    .transform((text) => parseDuration(text) ?? 0);
  return takes(
    schema,
    `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, such as 250ms, 10s, 1m, 24h or 7d`,
  );
}

const SIZE_PATTERN = /^(\d+(?:\.\d+)?)\s?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$/;
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["B", 1],
  ["kB", 1e3],
  ["KB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
  ["TB", 1e12],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["TiB", 2 ** 40],
]);

/** A number of bytes, or `64KiB`, `1GiB`, `1MB`. */
export function bytes(bounds: { readonly min: string; readonly max: string }) {
  const [min, max] = [parseSize(bounds.min) ?? 0, parseSize(bounds.max) ?? 0];
  const schema = z
    .union([z.int(), z.string().regex(SIZE_PATTERN)])
    .transform((value) => (typeof value === "number" ? value : (parseSize(value) ?? -1)))
    .refine((value) => value >= min && value <= max);
  return takes(schema, `bytes from ${bounds.min} to ${bounds.max}, such as 65536, 64KiB or 1GiB`);
}

function parseSize(text: string): number | undefined {
  const match = SIZE_PATTERN.exec(text);
  return match === null ? undefined : Math.round(Number(match[1]) * (SIZE_UNITS.get(match[2] ?? "B") ?? 1));
}

export function wholeNumber(min: number, max: number) {
  return takes(z.int().min(min).max(max), `a whole number from ${min} to ${max}`);
}

export const port = () => takes(z.int().min(0).max(65_535), "a port from 1 to 65535, or 0 for any free one");
export const finite = () => takes(z.number(), "a number");
export const flag = () => takes(z.boolean(), "true or false");
export const text = () => takes(z.string().min(1), "text");
export const host = () =>
  takes(
    z.string().regex(/^[^\s:/]+$|^[0-9a-fA-F:]+$/),
    "an address or host name without port, such as 127.0.0.1 or 0.0.0.0",
  );
export const allowedHosts = () =>
  z
    .array(takes(z.string().regex(/^[A-Za-z0-9._-]{1,253}$/), "a host name without port"))
    .prefault([])
    .describe(
      "Host names that it may be asked by, beside `host`, localhost and IP addresses; others are refused.",
    );
export const filePath = () => takes(z.string().min(1), "a path; relative ones begin at this file's folder");
/** Beside a `password`, which has its own description. */
export const passwordFile = () =>
  filePath().optional().describe("File that holds the password, instead of `password`.");
/** What a listener shows of itself, for its `tls`. */
export const listenerCertificate = () => ({
  cert: filePath().describe("Certificate (PEM)."),
  key: filePath().describe("Its key (PEM)."),
});
/** A client's `tls`; `own` and `theirs` say whose certificates. */
export const clientTls = (own: string, theirs: string) =>
  z
    .strictObject({
      ca: filePath()
        .optional()
        .describe(`Certificate (PEM) of the authority that signed ${theirs}; default: the system's.`),
      cert: filePath().optional().describe(`Certificate (PEM) that ${own} shows, with \`key\`.`),
      key: filePath().optional().describe("Its key (PEM)."),
    })
    .optional();
export const version = () =>
  takes(z.literal(1), "1, the only version so far").describe("Version of the file's format.");

/** An agent's or site's name: goes into topics and the paths of addresses, so nothing that means something there. */
export const identifier = () =>
  takes(
    z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/),
    "1 to 64 letters, digits, dots, underscores and hyphens, other than . and ..",
  );

const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/** Name of a metric, window, rule: goes into SQL, Prometheus and file names. */
export const name = () =>
  takes(z.string().regex(NAME_PATTERN), "a letter, then up to 63 letters, digits and underscores");
/** Name of a stream of records: as a topic of Kafka may be called, too. */
export const streamName = () =>
  takes(
    z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/),
    "a letter, then up to 63 letters, digits, underscores and hyphens",
  );
export const labelName = () =>
  takes(z.string().regex(/^[\p{L}_][\p{L}\p{N}_]*$/u), "a label name of letters, digits and underscores");

/** What a label of a record can be. */
export const labelValue = () =>
  takes(
    z.string().refine((text) => text !== "" && text.length <= LABEL_LENGTH_MAX && !text.includes("\0")),
    `a text of 1 to ${LABEL_LENGTH_MAX} characters`,
  );

/** Kafka's own rule for the names of topics. */
export const kafkaTopic = () =>
  takes(
    z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/),
    "1 to 249 letters, digits, dots, underscores and hyphens, other than . and ..",
  );

/** A Kafka connection's `tls`, of what `own` names. */
export const kafkaTls = (own: string) =>
  clientTls(own, "the brokers'").describe("Encrypts the connections; `{}` with the system's authorities.");

export const mqttUrl = () =>
  takes(
    z.string().regex(/^mqtts?:\/\/([^\s:/@]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?\/?$/),
    "mqtt://host:port or mqtts://host:port",
  );

/** MQTT 3.1.1, 4.7: `+` is a level of its own, `#` the last one. */
export const topicFilter = () =>
  takes(
    z.string().regex(/^(?!$)([^+#\0/]*|\+)(\/([^+#\0/]*|\+))*(\/#)?$|^#$/),
    "an MQTT topic filter such as factory/alpha/# or factory/+/state",
  );

export const topic = () =>
  explains(
    takes(
      z.string().refine((value) => parseTopicTemplate(value).ok),
      "a topic without + and #, its changing levels as {names}, such as factory/{site}/{line}/temperature",
    ),
    topicMistake,
  );

/** What the phrase does not say already. */
function topicMistake(value: unknown): Mistake | undefined {
  const parsed = typeof value === "string" ? parseTopicTemplate(value) : undefined;
  if (parsed === undefined || parsed.ok || parsed.reason === "empty" || parsed.reason === "wildcard")
    return undefined;
  return { at: [], message: `this is no topic: ${parsed.detail}` };
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return takes(z.enum(values), `one of ${values.join(", ")}`);
}

/** Of a reading, or of a piece of evidence. */
export const timeUnit = () =>
  oneOf(TIME_UNITS).describe(
    "Its unit since the epoch, or iso: ISO 8601 with T or a space, UTC where it names no time zone.",
  );

export const logLevel = () =>
  oneOf(["debug", "info", "warn", "error"])
    .prefault("info")
    .describe("Least important lines that are written.");

/** A moment: `2024-01-01` or with a time and zone, in ms since the epoch. */
export const moment = () =>
  takes(
    z
      .string()
      .regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/)
      .refine((value) => !Number.isNaN(Date.parse(value)))
      .transform((value) => Date.parse(value)),
    "a date such as 2024-01-01 or 2024-01-01T06:00:00Z",
  );
