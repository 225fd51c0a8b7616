import { type Labels, labelsKey } from "@millrace/stream";
import type { AlarmState } from "./alarm-life-cycle.ts";
import type { InterlockState } from "./command-interlock.ts";
import type { RuleEngineState } from "./rule-engine.ts";
import type { SeriesRuleState } from "./rule-table.ts";

/** What steps of alarms have changed, as plain JSON: how the series behind them stand, with every rule that looks at them. */
export interface RuleEngineChanges {
  readonly series: readonly SeriesChange[];
  /** Of the topics that these alarms command on. */
  readonly commands: NonNullable<RuleEngineState["commands"]>;
}

export interface SeriesChange extends SeriesRuleState {
  /** What the rule looks at (see `ruleInput`). */
  readonly input: string;
  /** Null: there is none, or it is over. */
  readonly alarm: AlarmState | null;
}

/** The state with the changes that came after it, oldest first. Of series without any it is what it was. */
export function afterChanges(
  state: RuleEngineState | undefined,
  changes: readonly RuleEngineChanges[],
): RuleEngineState {
  const changed = new Map(
    changes.flatMap(({ series }) => series.map((each) => [keyOf(each.rule, each.labels), each] as const)),
  );
  const commands = new Map(
    [...(state?.commands ?? []), ...changes.flatMap((each) => each.commands)].map(byTopic),
  );
  const isUnchanged = (rule: string, labels: Labels): boolean => !changed.has(keyOf(rule, labels));
  const now = [...changed.values()];
  return {
    version: 1,
    ...state,
    series: [
      ...(state?.series ?? []).filter(({ rule, labels }) => isUnchanged(rule, labels)),
      ...now.map(({ input: _, alarm: _alarm, ...series }) => series),
    ],
    alarms: [
      ...(state?.alarms ?? []).filter(({ event }) => isUnchanged(event.rule, event.labels)),
      ...now.flatMap(({ alarm }) => alarm ?? []),
    ],
    commands: [...commands.values()],
  };
}

type RuleCommands = InterlockState & { readonly rule: string };

function byTopic(commands: RuleCommands): readonly [string, RuleCommands] {
  return [`${commands.rule} ${commands.topic}`, commands];
}

function keyOf(rule: string, labels: Labels): string {
  return `${rule} ${labelsKey(labels)}`;
}
