import { formatDuration, orNearest } from "@millrace/runtime";
import type { ConfigReader } from "./config-reader.ts";
import type { RuleFile } from "./pipeline-schema.ts";
import { templateOf } from "./template-of.ts";
import { levelsOf } from "./to-rule.ts";
import { topicsMeet } from "./topics-meet.ts";
import type { KeyPath } from "./yaml-source.ts";

type When = RuleFile["when"];
type Limits = Pick<When, "above" | "below" | "clearAbove" | "clearBelow">;

const CONDITIONS = [
  "above",
  "below",
  "levels",
  "rateOfChange",
  "stuck",
  "missing",
  "zone",
  "distinct",
] as const;

/** What a rule looks at. */
export interface RuleInput {
  /** Undefined where only the agent knows them. */
  readonly labels: readonly string[] | undefined;
  /** Where the readings come; undefined where they have no topic. */
  readonly topic: string | undefined;
}

/** What the schema cannot see of a rule. */
export function checkRule(reader: ConfigReader, path: KeyPath, rule: RuleFile, input: RuleInput): void {
  checkCondition(reader, [...path, "when"], rule);
  checkAction(reader, [...path, "action"], rule, input);
}

function checkCondition(reader: ConfigReader, path: KeyPath, rule: RuleFile): void {
  const { when } = rule;
  const given = CONDITIONS.filter((name) => when[name] !== undefined);
  if (given.length !== 1) {
    const what = given.length === 0 ? "no condition" : `both ${given[0]} and ${given[1]}`;
    reader.problem(path, `when has ${what}; it must have one of ${CONDITIONS.join(", ")}`, "key");
    return;
  }
  if (when.rateOfChange === undefined) checkClear(reader, path, when);
  else checkRate(reader, path, rule);
  if (when.levels !== undefined) checkLevels(reader, path, rule);
  else if (when.hysteresis !== undefined)
    reader.problem([...path, "hysteresis"], "hysteresis belongs to levels; remove it", "key");
}

function checkRate(
  reader: ConfigReader,
  path: KeyPath,
  { when, window }: Pick<RuleFile, "when" | "window">,
): void {
  const isOnWindow = window !== undefined;
  const { rateOfChange: rate, clearAbove, clearBelow } = when;
  if (rate === undefined) return;
  const own = [...path, "rateOfChange"];
  for (const [name, value] of Object.entries({ clearAbove, clearBelow })) {
    if (value === undefined) continue;
    reader.problem([...path, name], `${name} of a rate belongs into rateOfChange; move it there`, "key");
  }
  if ((rate.above === undefined) === (rate.below === undefined)) {
    const what = rate.above === undefined ? "neither above nor below" : "both above and below";
    reader.problem(own, `rateOfChange has ${what}; it must have one of them`, "key");
    return;
  }
  checkClear(reader, own, rate);
  if (rate.over === undefined) {
    if (!isOnWindow)
      reader.problem(own, "rateOfChange has no over; give the span of time whose slope it is", "key");
  } else if (rate.per > rate.over) {
    reader.problem(
      [...own, "per"],
      `per ${formatDuration(rate.per)} is longer than over ${formatDuration(rate.over)}, which could not show such a rate; it must be at most that`,
    );
  }
}

/** The limits at which a condition ends. */
function checkClear(reader: ConfigReader, path: KeyPath, limits: Limits): void {
  const { above, below, clearAbove, clearBelow } = limits;
  if (below === undefined && clearAbove !== undefined) {
    const wayOut = above === undefined ? "remove it" : "with above it is clearBelow";
    reader.problem([...path, "clearAbove"], `clearAbove belongs to below; ${wayOut}`, "key");
  }
  if (above === undefined && clearBelow !== undefined) {
    const wayOut = below === undefined ? "remove it" : "with below it is clearAbove";
    reader.problem([...path, "clearBelow"], `clearBelow belongs to above; ${wayOut}`, "key");
  }
  if (above !== undefined && clearBelow !== undefined && clearBelow >= above) {
    reader.problem(
      [...path, "clearBelow"],
      `clearBelow ${clearBelow} is not below above ${above}; it must be less, or left out`,
    );
  }
  if (below !== undefined && clearAbove !== undefined && clearAbove <= below) {
    reader.problem(
      [...path, "clearAbove"],
      `clearAbove ${clearAbove} is not above below ${below}; it must be more, or left out`,
    );
  }
}

function checkLevels(reader: ConfigReader, path: KeyPath, { when, severity }: RuleFile): void {
  const levels = levelsOf(when.levels ?? {});
  if (levels.length === 0)
    reader.problem([...path, "levels"], "levels is empty; give one of lowLow, low, high, highHigh", "key");
  levels.forEach(([name, level], index) => {
    const inner = levels[index - 1];
    if (inner === undefined) return;
    const [before, { limit }] = inner;
    const place = [...path, "levels", name, "limit"];
    const distance = level.limit - limit;
    if (distance <= 0)
      reader.problem(place, `${name} ${level.limit} is not above ${before} ${limit}; it must be more`);
    else if ((when.hysteresis ?? 0) >= distance) {
      reader.problem(
        [...path, "hysteresis"],
        `hysteresis ${when.hysteresis} reaches from ${name} ${level.limit} to ${before} ${limit}; it must be less than the distance of any two levels`,
      );
    }
  });
  for (const [outer, inner] of [
    ["highHigh", "high"],
    ["lowLow", "low"],
  ] as const) {
    const [worse, milder] = [when.levels?.[outer], when.levels?.[inner]];
    if (worse === undefined || milder === undefined) continue;
    const [severe, mild] = [worse.severity ?? severity, milder.severity ?? severity];
    if (severe >= mild) continue;
    const at = worse.severity === undefined ? [inner, "severity"] : [outer, "severity"];
    reader.problem(
      [...path, "levels", ...at],
      `${outer} has severity ${severe}, less than ${mild} of ${inner}; the outer level must be at least as severe`,
    );
  }
}

function checkAction(
  reader: ConfigReader,
  path: KeyPath,
  rule: RuleFile,
  { labels, topic }: RuleInput,
): void {
  const { action, when } = rule;
  if (action === undefined) return;
  checkLoop(reader, [...path, "publish"], action.publish, topic);
  checkConfirm(reader, [...path, "confirm", "topic"], action);
  checkMatch(reader, [...path, "confirm"], action);
  checkRepetitions(reader, [...path, "retry"], action);
  checkUnanswered(reader, path, action);
  const use = { metric: rule.metric ?? rule.window ?? "", labels };
  checkCaptures(reader, { ...use, path: [...path, "publish"], topic: action.publish });
  if (action.confirm !== undefined)
    checkCaptures(reader, {
      ...use,
      labels: labels && [...labels, "commandId"],
      path: [...path, "confirm", "topic"],
      topic: action.confirm.topic,
    });
  if (action.escalateSeverity !== undefined && action.escalateSeverity < rule.severity) {
    reader.problem(
      [...path, "escalateSeverity"],
      `escalateSeverity ${action.escalateSeverity} is less than severity ${rule.severity}; it must be at least that`,
    );
  }
  if (action.atLevels === undefined) return;
  const levels = levelsOf(when.levels ?? {}).map(([name]) => name);
  if (when.levels === undefined)
    reader.problem([...path, "atLevels"], "atLevels belongs to levels; remove it", "key");
  for (const [index, level] of action.atLevels.entries()) {
    if (when.levels === undefined || levels.includes(level)) continue;
    reader.problem([...path, "atLevels", index], `when has no level ${level}; ${orNearest(level, levels)}`);
  }
}

/** A command that comes back as a reading of what it is about. */
function checkLoop(reader: ConfigReader, path: KeyPath, publish: string, read: string | undefined): void {
  const published = templateOf(publish)?.filter;
  const taken = read === undefined ? undefined : templateOf(read)?.filter;
  if (published === undefined || taken === undefined || !topicsMeet(published, taken)) return;
  const wayOut = "publish to another topic";
  if (published === taken)
    reader.problem(
      path,
      `publish is ${publish}, where the rule's own metric reads: every command would be a reading; ${wayOut}`,
    );
  else
    reader.warning(
      path,
      `commands to ${publish} come as readings of the rule's own metric, which reads ${read}; ${wayOut}`,
    );
}

function checkConfirm(reader: ConfigReader, path: KeyPath, action: NonNullable<RuleFile["action"]>): void {
  const { publish, payload, confirm } = action;
  if (confirm?.topic !== publish) return;
  const answer = payload.trim();
  const isEcho = confirm.id === undefined || (confirm.id === "$.id" && confirm.value === "$.command");
  if (isEcho && (answer === confirm.equals || answer === JSON.stringify(confirm.equals)))
    reader.problem(
      path,
      `${publish} is where the command goes, and the command is ${confirm.equals} too: it would confirm itself; give the topic where the machine answers`,
    );
  else
    reader.warning(
      path,
      `${publish} is where the command goes: the machine would have to answer there; give the topic where it answers`,
    );
}

/** How an answer names its command. */
function checkMatch(reader: ConfigReader, path: KeyPath, action: NonNullable<RuleFile["action"]>): void {
  const { id, value, correlation = false } = action.confirm ?? {};
  if (id !== undefined && value === undefined)
    reader.problem(
      [...path, "id"],
      "id needs value, where in the answer stands what `equals` says; give both, such as `id: $.id, value: $.state`",
      "key",
    );
  if (value !== undefined && id === undefined)
    reader.problem([...path, "value"], "value belongs to id; give both, or neither", "key");
  if (correlation && id !== undefined)
    reader.problem(
      [...path, "correlation"],
      "an answer names its command by id or by correlation; give one",
      "key",
    );
}

/** Without an answer to wait for a command is sent once. */
function checkUnanswered(
  reader: ConfigReader,
  path: KeyPath,
  { confirm }: NonNullable<RuleFile["action"]>,
): void {
  if (confirm !== undefined) return;
  for (const key of ["retry", "escalateSeverity"] as const)
    if (reader.source.has([...path, key]))
      reader.warning(
        [...path, key],
        `${key} is of a command that is not confirmed, and confirm is not there: it is sent once; give confirm, or remove ${key}`,
        "key",
      );
}

/** Repetitions that the interlock holds back come later than `within` says. */
function checkRepetitions(
  reader: ConfigReader,
  path: KeyPath,
  { confirm, retry, atMostPerMinute }: NonNullable<RuleFile["action"]>,
): void {
  if (confirm === undefined || atMostPerMinute === undefined) return;
  const aMinute = Math.min(retry + 1, Math.ceil(60_000 / confirm.within));
  if (aMinute <= atMostPerMinute) return;
  reader.warning(
    path,
    `one command and its repetitions are ${aMinute} a minute, atMostPerMinute is ${atMostPerMinute}: the others wait, and so does every other command to the machine; lower retry, or raise within or atMostPerMinute`,
  );
}

interface TopicUse {
  readonly path: KeyPath;
  readonly topic: string;
  readonly metric: string;
  readonly labels: readonly string[] | undefined;
}

function checkCaptures(reader: ConfigReader, { path, topic, metric, labels }: TopicUse): void {
  for (const capture of templateOf(topic)?.captures ?? []) {
    if (labels === undefined || labels.includes(capture)) continue;
    reader.problem(path, `{${capture}} is no label of ${metric}; ${orNearest(capture, labels)}`);
  }
}
