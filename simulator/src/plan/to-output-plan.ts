import { FORMAT_TRAITS, type ReadingFormat } from "../format/reading-format.ts";
import { METRICS } from "./metric.ts";
import type { OutputPlan } from "./output-plan.ts";
import type { PlanFile } from "./plan-schema.ts";
import type { PlanSource } from "./plan-source.ts";

/** The one way that a site names, which must be able to carry the formats of its readings. */
export function toOutputPlan(file: PlanFile, site: string, source: PlanSource): OutputPlan {
  const { broker, http, files, qos, format } = file.sites[site];
  const signals = METRICS.filter((metric) => metric in file.signals);
  const named = [broker, http, files].filter((way) => way !== undefined);
  if (named.length !== 1)
    source.addProblem(["sites", site], "name one of broker, http and files: where its readings go");
  if (qos !== undefined && broker === undefined)
    source.addProblem(["sites", site, "qos"], "only a broker has a QoS");
  const formats = new Set<ReadingFormat>(
    signals.map((metric) => format ?? file.signals[metric]?.format ?? "json"),
  );
  if (formats.has("sparkplug")) {
    if (format !== "sparkplug")
      source.addProblem(["signals"], "sparkplug is a whole site's format: an edge node speaks nothing else");
    if (broker === undefined || file.connectionPer !== "line")
      source.addProblem(
        ["sites", site, "format"],
        "Sparkplug B needs a broker and connectionPer: line, for a line is an edge node",
      );
    if (qos !== undefined && qos !== 0)
      source.addProblem(["sites", site, "qos"], "Sparkplug B publishes its data at QoS 0");
  }
  const refuse = (key: string, allowed: string, isAllowed: (format: ReadingFormat) => boolean): void => {
    for (const each of formats)
      if (!isAllowed(each)) source.addProblem(["sites", site, key], `${key} takes ${allowed}, not ${each}`);
  };
  if (http !== undefined) {
    refuse("http", "formats of one line", (each) => FORMAT_TRAITS[each].isOneLine);
    return { kind: "http", url: http.url };
  }
  if (files !== undefined) {
    refuse("files", "json, influx and csv", (each) => each === "json" || each === "influx" || each === "csv");
    return { kind: "files", ...files };
  }
  return { kind: "mqtt", url: broker ?? "", qos: formats.has("sparkplug") ? 0 : (qos ?? 1) };
}
