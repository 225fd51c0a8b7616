import path from "node:path";
import { FORMAT_TRAITS, type ReadingFormat } from "../format/reading-format.ts";
import type { LoginFile } from "../publish/login.ts";
import { METRICS } from "./metric.ts";
import type { OutputPlan } from "./output-plan.ts";
import type { PlanFile } from "./plan-schema.ts";
import type { PlanSource } from "./plan-source.ts";

const BYTES_PER_SAMPLE = 4;
/** Brokers take a megabyte by default (`message.max.bytes`), the record's own head with it. */
const KAFKA_BYTES_MAX = 900_000;

/** The one way that a site names, which must be able to carry the formats of its readings. */
export function toOutputPlan(file: PlanFile, site: string, source: PlanSource): OutputPlan {
  const { broker, http, kafka, files, qos, format } = file.sites[site];
  const signals = METRICS.filter((metric) => metric in file.signals);
  const named = [broker, http, kafka, files].filter((way) => way !== undefined);
  if (named.length !== 1)
    source.addProblem(["sites", site], "name one of broker, http, kafka and files: where its readings go");
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
  const login = toLogin(file, site, source);
  if (http !== undefined) {
    refuse("http", "formats of one line", (each) => FORMAT_TRAITS[each].isOneLine);
    return { kind: "http", url: http.url, login };
  }
  if (kafka !== undefined) {
    const { samples = 0 } = file.waveform ?? {};
    if (samples * BYTES_PER_SAMPLE > KAFKA_BYTES_MAX)
      source.addProblem(
        ["sites", site, "kafka"],
        `a waveform of ${samples * BYTES_PER_SAMPLE} bytes is more than Kafka takes in one record (${KAFKA_BYTES_MAX}); give waveform.samples a smaller number`,
      );
    return { kind: "kafka", ...kafka };
  }
  if (files !== undefined) {
    refuse("files", "json, influx and csv", (each) => each === "json" || each === "influx" || each === "csv");
    return { kind: "files", ...files };
  }
  return {
    kind: "mqtt",
    url: broker ?? "",
    qos: formats.has("sparkplug") ? 0 : (qos ?? 1),
    login: login?.kind === "password" ? login : null,
  };
}

/** Who the site's sensors are at their receiver: the secret is in a file beside the plan, whose text the truth holds. */
function toLogin(file: PlanFile, site: string, source: PlanSource): LoginFile | null {
  const { broker, http, user, passwordFile, tokenFile } = file.sites[site];
  const place = ["sites", site];
  const fileOf = (name: string): string => path.resolve(path.dirname(source.path), name);
  if ((user === undefined) !== (passwordFile === undefined))
    source.addProblem(place, "user and passwordFile go together: name both, or neither");
  if (user !== undefined && broker === undefined && http === undefined)
    source.addProblem([...place, "user"], "a user is somebody at a broker, or of http");
  if (tokenFile !== undefined && http === undefined)
    source.addProblem([...place, "tokenFile"], "only http takes a token; give user and passwordFile");
  if (tokenFile !== undefined && user !== undefined)
    source.addProblem([...place, "tokenFile"], "name a user with a password, or a token");
  if (tokenFile !== undefined) return { kind: "token", file: fileOf(tokenFile) };
  if (user === undefined || passwordFile === undefined) return null;
  return { kind: "password", user, file: fileOf(passwordFile) };
}
