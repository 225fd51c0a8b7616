import type { LinkState } from "./link-plan.ts";

/** A site's line to central as it is now. */
export interface SiteLine {
  readonly site: string;
  readonly state: LinkState;
  /** It stays so until somebody orders something else. */
  readonly isOrdered: boolean;
}
