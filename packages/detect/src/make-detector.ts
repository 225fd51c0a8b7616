import { type Detector, type DetectorBounds, plainStanding } from "./detector.ts";
import { LevelsDetector } from "./levels-detector.ts";
import { LimitDetector } from "./limit-detector.ts";
import { MissingDetector } from "./missing-detector.ts";
import { RateDetector } from "./rate-detector.ts";
import type { RuleSpec } from "./rule-spec.ts";
import { StepRateDetector } from "./step-rate-detector.ts";
import { StuckDetector } from "./stuck-detector.ts";

/** The detector of a rule's condition: here further ones plug in. */
export function makeDetector(rule: RuleSpec, bounds: DetectorBounds): Detector {
  const { when } = rule;
  switch (when.kind) {
    case "above":
    case "below":
      return new LimitDetector(when, bounds, plainStanding(rule, when.limit));
    case "levels":
      return new LevelsDetector(when, bounds, rule.action?.atLevels ?? null);
    case "rateOfChange":
      return when.overMs === null
        ? new StepRateDetector(when, bounds, plainStanding(rule, when.slope.limit))
        : new RateDetector({ ...when, overMs: when.overMs }, bounds, plainStanding(rule, when.slope.limit));
    case "stuck":
      return new StuckDetector(when, bounds, plainStanding(rule, when.within));
    case "missing":
      return new MissingDetector(when, plainStanding(rule, when.forMs / 1000));
  }
}
