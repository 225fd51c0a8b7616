import { basename, dirname } from "node:path";
import { parseTopicTemplate } from "@millrace/wire";
import { reasonOf } from "@millrace/runtime";
import type { z } from "zod";
import type { FileFormat, TailedFileConfig } from "./agent-config.ts";
import type { tailedFileSchema } from "./agent-schema.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { KeyPath } from "./yaml-source.ts";

type TailedFile = z.output<ReturnType<typeof tailedFileSchema>>;

/** `inputs.files` with paths, topics and patterns checked. */
export function resolveTailedFiles(reader: ConfigReader, files: readonly TailedFile[]): TailedFileConfig[] {
  const paths = new Set<string>();
  return files.flatMap((file, index) => {
    const keyPath = ["inputs", "files", index];
    const path = reader.resolvePath(file.path);
    if (paths.has(path)) reader.problem([...keyPath, "path"], `${file.path} is listed twice; list it once`);
    paths.add(path);
    if (/[*?]/.test(dirname(path))) {
      reader.problem(
        [...keyPath, "path"],
        `path is ${file.path}: only its last part, ${basename(path)}, may have * and ?; list one path for each folder`,
      );
    }
    const template = parseTopicTemplate(file.topic);
    if (!template.ok) {
      reader.problem([...keyPath, "topic"], `topic is no topic: ${template.detail}`);
      return [];
    }
    const unknown = template.template.captures.find((capture) => capture !== "file");
    if (unknown !== undefined)
      reader.problem([...keyPath, "topic"], `topic has {${unknown}}; only {file} is known here`);
    const format = toFormat(reader, keyPath, file);
    if (format === undefined) return [];
    return [{ path, topic: template.template, format, start: file.start, intervalMs: file.interval }];
  });
}

function toFormat(reader: ConfigReader, keyPath: KeyPath, file: TailedFile): FileFormat | undefined {
  if (file.pattern !== undefined && file.format !== "pattern") {
    reader.problem(
      [...keyPath, "pattern"],
      `pattern belongs to format: pattern, and format is ${file.format}; remove one`,
      "key",
    );
  }
  switch (file.format) {
    case "lines":
      return { kind: "lines" };
    case "csv-with-header":
      return { kind: "csv", delimiter: file.delimiter };
    case "pattern":
      return toPattern(reader, keyPath, file.pattern);
  }
}

function toPattern(
  reader: ConfigReader,
  keyPath: KeyPath,
  source: string | undefined,
): FileFormat | undefined {
  if (source === undefined) {
    reader.problem([...keyPath, "format"], "format pattern needs a pattern");
    return undefined;
  }
  try {
    const pattern = new RegExp(source, "u");
    // With an empty alternative every pattern matches, and tells its groups.
    const groups = new RegExp(`${source}|`, "u").exec("")?.groups;
    if (groups !== undefined) return { kind: "pattern", pattern };
    reader.problem([...keyPath, "pattern"], "pattern has no named group; name the fields: (?<value>…)");
  } catch (error) {
    reader.problem([...keyPath, "pattern"], `pattern is no regular expression: ${reasonOf(error)}`);
  }
  return undefined;
}
