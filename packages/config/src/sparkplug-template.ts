import { parseTopicTemplate, type TemplateResult } from "@millrace/wire";
import type { SourceFile } from "./source-schema.ts";

/** Of the edge nodes, or of the devices, that a metric is read from: `{group}/{node}/{device}`. */
export function sparkplugTemplate({
  group,
  node,
  device,
}: NonNullable<SourceFile["sparkplug"]>): TemplateResult {
  return parseTopicTemplate([group, node, ...(device === undefined ? [] : [device])].join("/"));
}
