import type { WindowSpec } from "./window-spec.ts";

/** How long a window is at most, and how far its starts usually lie apart. */
export interface WindowLengths {
  readonly sizeMs: number;
  readonly slideMs: number;
}

const DAY_MS = 86_400_000;

/** For readers that need one figure: a day has 24 hours here, a session is as long as it may become. */
export function windowLengths(spec: WindowSpec): WindowLengths {
  switch (spec.kind) {
    case "aligned":
      return { sizeMs: spec.sizeMs, slideMs: spec.slideMs };
    case "day":
      return { sizeMs: DAY_MS, slideMs: DAY_MS };
    case "session":
      return { sizeMs: spec.lengthMsMax + spec.gapMs, slideMs: spec.gapMs };
  }
}
