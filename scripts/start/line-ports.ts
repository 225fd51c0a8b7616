import { findFreePort } from "@millrace/runtime";

export interface LinePorts {
  readonly dashboard: number;
  readonly intake: number;
  /** By agent. */
  readonly brokers: ReadonlyMap<string, number>;
  readonly status: ReadonlyMap<string, number>;
}

const HOST = "127.0.0.1";
const INTAKE_PORT = 18_830;
const BROKER_PORT = 18_840;
const STATUS_PORT = 18_860;

/** Free ports for every program of the line; `onTaken` hears of each wish that another program had. */
export async function chooseLinePorts(options: {
  readonly dashboardPort: number;
  readonly brokerAgents: readonly string[];
  readonly agents: readonly string[];
  readonly onTaken: (purpose: string, wished: number, chosen: number) => void;
}): Promise<LinePorts> {
  const given = new Set<number>();
  const choose = async (purpose: string, wished: number): Promise<number> => {
    let port = wished;
    do port = await findFreePort({ host: HOST, port, purpose, setting: "--port" });
    while (given.has(port) && port++ < 65_535);
    given.add(port);
    return port;
  };
  const chooseAndSay = async (purpose: string, wished: number): Promise<number> => {
    const port = await choose(purpose, wished);
    if (port !== wished) options.onTaken(purpose, wished, port);
    return port;
  };
  const forEach = async (
    names: readonly string[],
    purpose: string,
    base: number,
  ): Promise<Map<string, number>> => {
    const ports = new Map<string, number>();
    for (const [index, name] of names.entries())
      ports.set(name, await chooseAndSay(`${purpose} of ${name}`, base + index));
    return ports;
  };
  const dashboard = await chooseAndSay("the dashboard", options.dashboardPort);
  const intake = await chooseAndSay("central's intake", INTAKE_PORT);
  const brokers = await forEach(options.brokerAgents, "the broker", BROKER_PORT);
  const status = await forEach(options.agents, "the status page", STATUS_PORT);
  return { dashboard, intake, brokers, status };
}
