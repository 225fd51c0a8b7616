import { CentralHarness } from "./central-harness.ts";
import { SiteHarness, type SiteOptions } from "./site-harness.ts";
import type { Works } from "./works.ts";

export const ALPHA = { agent: "alpha-1", site: "alpha" } as const;

/** Central and the gateway of site alpha that sends to it, with the same pipeline; neither runs yet. */
export async function prepareOneSite(
  works: Works,
  pipeline: object,
  options: Pick<SiteOptions, "config" | "surroundings"> = {},
): Promise<{
  readonly central: CentralHarness;
  readonly site: SiteHarness;
  readonly siteOptions: SiteOptions;
}> {
  const pipelinePath = works.write("pipeline.yaml", pipeline);
  const central = await CentralHarness.prepare({ works, pipelinePath, agents: [ALPHA] });
  const siteOptions = { works, ...ALPHA, pipelinePath, uplinkPort: central.intakePort, ...options };
  return { central, site: await SiteHarness.prepare(siteOptions), siteOptions };
}
