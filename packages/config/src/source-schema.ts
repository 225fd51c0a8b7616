import { NamePattern, parseEachPath, parseJsonPath, parseTopicTemplate } from "@millrace/wire";
import { z } from "zod";
import { HOST_SENSORS } from "./pipeline.ts";
import {
  finite,
  flag,
  labelName,
  labelValue,
  oneOf,
  streamName,
  takes,
  text,
  timeUnit,
  topic,
} from "./schema-types.ts";

export const jsonPath = () =>
  takes(
    z.string().refine((value) => parseJsonPath(value) !== undefined),
    'a path such as $.temperature, $.values[0] or $["flow rate"]',
  );
const eachPath = () =>
  takes(
    z.string().refine((value) => parseEachPath(value) !== undefined),
    "a path such as $.readings or $.machines[*].readings",
  );
const column = () => takes(z.string().min(1), "a column's name");
const scalars = () =>
  z.array(takes(z.union([z.string(), z.number(), z.boolean()]), "text, a number, true or false"));

const timeZone = () =>
  takes(z.string().min(1), "an IANA time zone such as Asia/Shanghai")
    .optional()
    .describe("With records: the zone of iso times that name none; default: UTC.");

const TIME = "The reading's own time; without it readings are counted at least once.";
const QUALITY = "The reading's quality; only good ones enter windows.";
const qualityMeaning = () => ({
  good: scalars().optional().describe("Values that mean good; default: good, 192, true."),
  uncertain: scalars()
    .optional()
    .describe(
      "Values that mean uncertain; default: uncertain, 64. Every other one is bad, none at all uncertain.",
    ),
});

const json = () =>
  z.strictObject({
    each: eachPath()
      .optional()
      .describe("Arrays of readings; the other paths then begin at an element, and go on around it."),
    id: jsonPath().optional().describe("With records: where a record's id stands, a text or a whole number."),
    value: jsonPath().optional().describe("Where the value stands; true and false are 1 and 0."),
    identity: jsonPath()
      .optional()
      .describe(
        "With records, instead of value: who or what it is of, a text or a whole number; for distinct, distinctMany and count.",
      ),
    since: z
      .strictObject({
        path: jsonPath().describe("Where the other time stands."),
        unit: timeUnit(),
        timeZone: timeZone(),
      })
      .optional()
      .describe(
        "With records, instead of value: how many seconds the event time is behind another time of the record; before it negative.",
      ),
    position: z
      .strictObject({
        longitude: jsonPath().describe("Degrees from -180 to 180."),
        latitude: jsonPath().describe("Degrees from -90 to 90."),
      })
      .optional()
      .describe(
        "With records: where it was (WGS 84); without value, identity and since the metric is of positions, for distance and count.",
      ),
    zoneLabel: labelName()
      .optional()
      .describe(
        "With position: the label that is the first of the file's zones that the position is in, or outside.",
      ),
    zones: z
      .array(labelValue())
      .min(1)
      .optional()
      .describe(
        "With zoneLabel: only these of the file's zones, in this order; default: all, in the file's order.",
      ),
    map: z
      .record(
        z.string(),
        takes(z.number().nullable(), "a number, or null for a record that does not count in this metric"),
      )
      .optional()
      .describe(
        "With records: which number each text that stands there means, null: none, it does not count in this metric; others are rejected.",
      ),
    optional: flag()
      .optional()
      .describe(
        "With records: one without the value, or with null, does not count in this metric; default: it is rejected.",
      ),
    time: z
      .strictObject({
        path: jsonPath().describe("Where the event time stands."),
        unit: timeUnit(),
        timeZone: timeZone(),
      })
      .optional()
      .describe(TIME),
    quality: z
      .strictObject({ path: jsonPath().describe("Where the quality stands."), ...qualityMeaning() })
      .optional()
      .describe(QUALITY),
    labels: z
      .record(labelName(), jsonPath())
      .optional()
      .describe(
        "Labels from the payload: where each stands. A record without one of them, or with an empty text there, is refused.",
      ),
  });

const csv = () =>
  z.strictObject({
    delimiter: takes(z.string().regex(/^[^"\r\n]$/), 'one character such as "," or ";"')
      .prefault(",")
      .describe("What stands between fields."),
    columns: z
      .array(column())
      .min(1)
      .optional()
      .describe("The columns' names, where the first line does not give them."),
    value: column().describe("The value's column."),
    time: z
      .strictObject({ column: column().describe("The event time's column."), unit: timeUnit() })
      .optional()
      .describe(TIME),
    quality: z
      .strictObject({ column: column().describe("The quality's column."), ...qualityMeaning() })
      .optional()
      .describe(QUALITY),
    labels: z
      .record(labelName(), column())
      .optional()
      .describe("Labels from the payload: the column of each."),
  });

const senml = () =>
  z.strictObject({
    name: takes(
      z.string().refine((value) => NamePattern.parse(value) !== undefined),
      "a name, its changing parts as {names} with something between them, such as urn:dev:ow:{device}:temperature",
    ).describe("The records' name; what its {names} capture becomes labels."),
    read: oneOf(["value", "sum"]).prefault("value").describe("Which of a record's numbers is read."),
    unit: text().optional().describe("The unit that the records must have, as SenML writes it."),
  });

const influx = () =>
  z.strictObject({
    measurement: text().describe("The measurement whose lines are read."),
    field: text().describe("The field with the value; true and false are 1 and 0."),
    precision: oneOf(["s", "ms", "us", "ns"]).prefault("ns").describe("Unit of the lines' time."),
    where: z
      .record(z.string(), text())
      .optional()
      .describe("Tags, with the value that a line must have to be read."),
    labels: z.record(labelName(), text()).optional().describe("Labels from the payload: the tag of each."),
  });

const sparkplugLevel = () =>
  takes(
    z.string().refine((value) => !value.includes("/") && parseTopicTemplate(value).ok),
    "a name of one level, or {name} for any",
  );

const sparkplug = () =>
  z.strictObject({
    group: sparkplugLevel().describe("The group's id; {name} takes any and becomes a label."),
    node: sparkplugLevel().describe("The edge node's id, likewise."),
    device: sparkplugLevel()
      .optional()
      .describe("The device's id, likewise; without it metrics of the node itself are read."),
    metric: takes(
      z.string().refine((value) => NamePattern.parse(value) !== undefined),
      "a name, its changing parts as {names} with something between them, such as Motor/{motor}/Temperature",
    ).describe("The metrics' name, as births give it; what its {names} capture becomes labels."),
  });

/** Where a metric's readings come from. */
export const sourceSchema = () =>
  z.strictObject({
    topic: topic().optional().describe("MQTT topic; what its {names} capture becomes labels."),
    number: takes(z.strictObject({}), "{}").optional().describe("The payload is one decimal number."),
    json: json().optional().describe("The payload is JSON."),
    csv: csv().optional().describe("The payload is CSV: a reading a line."),
    senml: senml().optional().describe("The payload is SenML in JSON (RFC 8428)."),
    influx: influx().optional().describe("The payload is InfluxDB line protocol."),
    sparkplug: sparkplug()
      .optional()
      .describe("A metric of Sparkplug B edge nodes or devices, instead of a topic."),
    host: oneOf(HOST_SENSORS).optional().describe("A sensor of the gateway itself, instead of a topic."),
    records: streamName()
      .optional()
      .describe(
        "Business records that central takes, instead of a topic: the stream's name in central.yaml; with json.",
      ),
    scale: takes(
      z.number().refine((value) => value !== 0),
      "a number other than 0",
    )
      .optional()
      .describe("Each value is multiplied by this; default: 1."),
    offset: finite().optional().describe("Added to each value after scale; default: 0."),
    convert: z
      .strictObject({ from: text().describe("Unit of the values, after scale and offset.") })
      .optional()
      .describe("The values are converted to the metric's unit."),
  });

export type SourceFile = z.output<ReturnType<typeof sourceSchema>>;
