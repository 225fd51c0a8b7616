import { basename, extname, isAbsolute, resolve } from "node:path";
import type { FileFormat, TailedFileConfig } from "@millrace/config";
import { MillraceError } from "@millrace/runtime";
import { capturesOf, isRotationOf, namePattern } from "../inputs/files/file-names.ts";
import { nsOfPrecision, PRECISION_NAMES } from "../inputs/http/influx-lines.ts";

/** What the lines of a recorded file are. */
export type FileReading =
  | { readonly kind: "records" }
  /** Payloads of one topic; `timeField` names the field of each that says when it came. */
  | {
      readonly kind: "payloads";
      readonly topic: string;
      readonly format: FileFormat;
      readonly timeField: string | null;
    }
  | { readonly kind: "influx"; readonly nsPerUnit: bigint };

export interface FileReadingFlags {
  readonly format: string | undefined;
  readonly topic: string | undefined;
  readonly delimiter: string | undefined;
  readonly timeField: string | undefined;
  readonly precision: string | undefined;
}

const FORMATS = ["records", "lines", "csv-with-header", "influx"] as const;
const INFLUX_EXTENSIONS: readonly string[] = [".lp", ".influx", ".line"];
const PACKED = /\.gz$/;

/**
 * How a file is to be read: as the flags say, else as the entry of `inputs.files` that it matches, by its whole path or by
 * its name alone, else by its extension. Throws `wrong_usage`.
 */
export function fileReading(
  path: string,
  flags: FileReadingFlags,
  files: readonly TailedFileConfig[],
): FileReading {
  const timeField = flags.timeField ?? null;
  const name = basename(path).replace(PACKED, "");
  if (flags.topic !== undefined || flags.format !== undefined) return readingOfFlags(name, flags, timeField);
  const entry = entryOf(path.replace(PACKED, ""), files);
  if (entry !== undefined) {
    const topic = entry.topic.fill(capturesOf(followedName(name, entry.path)));
    if (topic === undefined)
      throw wrongUsage(
        `${path} matches ${entry.path}, and its name cannot be a level of a topic; give --topic`,
      );
    return { kind: "payloads", topic, format: entry.format, timeField };
  }
  if (INFLUX_EXTENSIONS.includes(extname(name))) return { kind: "influx", nsPerUnit: precisionOf(flags) };
  if (extname(name) === ".csv")
    throw wrongUsage(
      `${path} is of no entry of inputs.files; say what it is: --format csv-with-header --topic TOPIC`,
    );
  return { kind: "records" };
}

function readingOfFlags(name: string, flags: FileReadingFlags, timeField: string | null): FileReading {
  const format = flags.format ?? (extname(name) === ".csv" ? "csv-with-header" : "lines");
  switch (format) {
    case "records":
    case "influx":
      if (flags.topic !== undefined)
        throw wrongUsage(`--topic goes with lines and csv-with-header, not with ${format}`);
      return format === "records" ? { kind: "records" } : { kind: "influx", nsPerUnit: precisionOf(flags) };
    case "lines":
    case "csv-with-header": {
      if (flags.topic === undefined) throw wrongUsage(`--format ${format} needs --topic`);
      const topic = flags.topic.replaceAll("{file}", capturesOf(name).file);
      if (/[+#\0]/.test(topic) || topic === "") throw wrongUsage(`${JSON.stringify(topic)} is no topic`);
      const delimiter = flags.delimiter ?? ",";
      if (delimiter.length !== 1) throw wrongUsage("--delimiter must be one character");
      const how: FileFormat = format === "lines" ? { kind: "lines" } : { kind: "csv", delimiter };
      return { kind: "payloads", topic, format: how, timeField };
    }
    default:
      throw wrongUsage(`--format is ${JSON.stringify(format)}; it must be one of ${FORMATS.join(", ")}`);
  }
}

function precisionOf({ precision = "ns" }: FileReadingFlags): bigint {
  const nsPerUnit = nsOfPrecision(precision);
  if (nsPerUnit !== undefined) return nsPerUnit;
  throw wrongUsage(`--precision is ${precision}; it must be one of ${PRECISION_NAMES.join(", ")}`);
}

/** The recording may lie elsewhere than the file did: then its name tells, if only one entry has such names. */
function entryOf(path: string, files: readonly TailedFileConfig[]): TailedFileConfig | undefined {
  const whole = isAbsolute(path) ? path : resolve(path);
  const byPath = files.find((file) => file.path === whole || isMatch(whole, file.path, true));
  if (byPath !== undefined) return byPath;
  const byName = files.filter((file) => isMatch(whole, file.path, false));
  if (byName.length > 1)
    throw wrongUsage(
      `${path} may be of ${byName.map((file) => file.path).join(" or ")}; give --format and --topic`,
    );
  return byName[0];
}

function isMatch(path: string, entry: string, isSameFolder: boolean): boolean {
  if (isSameFolder && resolve(path, "..") !== resolve(entry, "..")) return false;
  const name = basename(path);
  const pattern = namePattern(entry);
  return pattern === undefined ? followedName(name, entry) === basename(entry) : pattern.test(name);
}

/** `x.log` for its rotation `x.log.1`. */
function followedName(name: string, entry: string): string {
  return namePattern(entry) === undefined && isRotationOf(name, basename(entry)) ? basename(entry) : name;
}

function wrongUsage(reason: string): MillraceError {
  return new MillraceError("wrong_usage", { command: "millrace-agent replay", reason });
}
