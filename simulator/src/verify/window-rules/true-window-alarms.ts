import type { WindowRule } from "../central-client.ts";

/** What a rule looks at of one window. */
export interface TrueResult {
  readonly endMs: number;
  readonly value: number;
}

/** An alarm that a rule on windows must have raised. */
export interface TrueWindowAlarm {
  readonly activeAtMs: number;
  /** Null: it is active after the last window. */
  readonly clearedAtMs: number | null;
}

interface Limit {
  readonly side: 1 | -1;
  readonly limit: number;
  readonly clear: number;
  readonly forAtLeastMs: number;
}

/** The conditions that follow from the windows alone. */
export type JudgedCondition = Extract<
  WindowRule["when"],
  { readonly kind: "above" | "below" | "levels" | "rateOfChange" }
>;

/** The alarms of one group, told by its windows in order of time, by the definition. */
export function trueWindowAlarms(when: JudgedCondition, windows: readonly TrueResult[]): TrueWindowAlarm[] {
  const limits = limitsOf(when);
  const results = resultsOf(when, windows);
  // A window may break an inner limit, or still an outer one: any of them keeps the alarm.
  const spells = limits.map((limit) => spellsOf(limit, results));
  const alarms: { activeAtMs: number; clearedAtMs: number | null }[] = [];
  for (const { activeAtMs, clearedAtMs } of spells.flat().toSorted((a, b) => a.activeAtMs - b.activeAtMs)) {
    const last = alarms.at(-1);
    if (last === undefined || (last.clearedAtMs !== null && last.clearedAtMs < activeAtMs))
      alarms.push({ activeAtMs, clearedAtMs });
    else last.clearedAtMs = latest(last.clearedAtMs, clearedAtMs);
  }
  return alarms;
}

/** Null where a window's value is so near to a limit that rounding may decide. */
export function isDecided(when: JudgedCondition, { value }: TrueResult): boolean {
  if (when.kind === "rateOfChange") return true;
  return limitsOf(when).every(({ limit, clear }) =>
    [limit, clear].every((bound) => value === bound || Math.abs(value - bound) > 1e-9 * Math.abs(bound)),
  );
}

/** Whether the last of these windows ends an alarm of any limit, whatever was before them. */
export function isNormal(when: JudgedCondition, windows: readonly TrueResult[]): boolean {
  const last = resultsOf(when, windows).at(-1);
  return last !== undefined && limitsOf(when).every((limit) => isBackOf(limit, last.value));
}

/** So many windows it takes to say what a rule compares. */
export function windowsLookedAt({ kind }: JudgedCondition): 1 | 2 {
  return kind === "rateOfChange" ? 2 : 1;
}

function isBackOf({ side, limit, clear }: Limit, value: number): boolean {
  return clear === limit ? side * value <= side * limit : side * value < side * clear;
}

function limitsOf(when: JudgedCondition): Limit[] {
  if (when.kind === "levels") {
    const { levels, hysteresis, forAtLeastMs } = when;
    return (["lowLow", "low", "high", "highHigh"] as const).flatMap((name) => {
      const limit = levels[name]?.limit;
      if (limit === undefined) return [];
      const side = name.startsWith("high") ? 1 : -1;
      return [{ side, limit, clear: limit - side * hysteresis, forAtLeastMs } as const];
    });
  }
  const { kind, limit, clear, forAtLeastMs } = when.kind === "rateOfChange" ? when.slope : when;
  return [{ side: kind === "above" ? 1 : -1, limit, clear, forAtLeastMs }];
}

function resultsOf(when: JudgedCondition, windows: readonly TrueResult[]): readonly TrueResult[] {
  return when.kind === "rateOfChange" ? ratesOf(windows, when.perMs) : windows;
}

function ratesOf(windows: readonly TrueResult[], perMs: number): TrueResult[] {
  return windows.slice(1).map(({ endMs, value }, index) => {
    const before = windows[index];
    return { endMs, value: ((value - before.value) / (endMs - before.endMs)) * perMs };
  });
}

function spellsOf(one: Limit, results: readonly TrueResult[]): TrueWindowAlarm[] {
  const { side, limit, forAtLeastMs } = one;
  const spells: TrueWindowAlarm[] = [];
  let brokenSinceMs: number | null = null;
  let activeAtMs: number | null = null;
  for (const { endMs, value } of results) {
    const isBroken = side * value > side * limit;
    if (activeAtMs === null) {
      brokenSinceMs = isBroken ? (brokenSinceMs ?? endMs) : null;
      if (brokenSinceMs === null || endMs - brokenSinceMs < forAtLeastMs) continue;
      [activeAtMs, brokenSinceMs] = [endMs, null];
    } else if (isBackOf(one, value)) {
      spells.push({ activeAtMs, clearedAtMs: endMs });
      activeAtMs = null;
    }
  }
  return activeAtMs === null ? spells : [...spells, { activeAtMs, clearedAtMs: null }];
}

function latest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.max(one, other);
}
