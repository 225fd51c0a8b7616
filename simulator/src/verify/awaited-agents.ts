import type { CentralAgent, CentralClient } from "./central-client.ts";

/** Of a site of the truth, and not all of its data is at central. */
export interface AwaitedAgent {
  /** Null: none of its site has ever come. */
  readonly agent: string | null;
  readonly site: string;
  readonly why: string;
}

/** Agents of these sites that have something for central still, or of which nobody can say; `toMs`: so far all of it must be there. */
export async function awaitedAgents(
  client: CentralClient,
  { sites, toMs }: { readonly sites: readonly string[]; readonly toMs: number },
): Promise<readonly AwaitedAgent[]> {
  const agents = await client.agents();
  return sites.flatMap((site): AwaitedAgent[] => {
    const own = agents.filter((each) => each.site === site && each.state !== "retired");
    if (own.length === 0) return [{ agent: null, site, why: "no agent of it has ever come" }];
    return own.flatMap((each) => {
      const why = whyAwaited(each, toMs);
      return why === null ? [] : [{ agent: each.agent, site, why }];
    });
  });
}

function whyAwaited(
  { state, lastSeenMs, watermarkMs, isIdle, pending }: CentralAgent,
  toMs: number,
): string | null {
  if (state === "never_seen" || (state === "silent" && lastSeenMs === null)) return "it has never come";
  if (state === "silent" && lastSeenMs !== null) return `it is silent since ${timeText(lastSeenMs)}`;
  const [waiting] = pending;
  if (waiting !== undefined) return `its outbox still holds data of ${timeText(waiting.startMs)} and later`;
  if (isIdle || (watermarkMs !== null && watermarkMs >= toMs)) return null;
  const upTo = watermarkMs === null ? "" : ` up to ${timeText(watermarkMs)} only`;
  return `its data is not said to be complete${upTo}, which it is once its sensors have been silent for their idle timeout`;
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
