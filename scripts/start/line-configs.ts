/** The configuration files of one run, as a person would write them. */
export interface ConfiguredAgent {
  readonly agent: string;
  readonly site: string;
  readonly password: string;
}

export function centralYaml(options: {
  readonly pipelinePath: string;
  readonly agents: readonly ConfiguredAgent[];
  readonly intakePort: number;
  readonly httpPort: number;
}): string {
  const agents = options.agents.map(
    ({ agent, site, password }) => `  - { id: ${agent}, site: ${site}, password: "${password}" }`,
  );
  return `# Central, as \`npm start\` runs it.
version: 1
data: ./central                   # windows, marks and ledger
pipeline: ${JSON.stringify(options.pipelinePath)}
intake:
  mqtt: { host: 127.0.0.1, port: ${options.intakePort} }   # agents send here
http: { host: 127.0.0.1, port: ${options.httpPort} }       # dashboard and API
sinks: { prometheus: {} }         # windows at /metrics
agents:                           # each may publish only under its own name
${agents.join("\n")}
`;
}

export function agentYaml(
  options: ConfiguredAgent & {
    readonly pipelinePath: string;
    /** Null: no machines of its own, only this machine's sensors. */
    readonly brokerPort: number | null;
    readonly statusPort: number;
    readonly intakePort: number;
  },
): string {
  const { agent, site, password, brokerPort } = options;
  const input =
    brokerPort === null
      ? "host: { interval: 1s }           # this machine's processor, memory, disk, network and temperature"
      : `broker: { host: 127.0.0.1, port: ${brokerPort} }   # sensors publish here`;
  return `# The agent of site ${site}, as \`npm start\` runs it.
version: 1
agent: ${agent}
site: ${site}
data: ./${agent}                  # outbox and checkpoints
pipeline: ${JSON.stringify(options.pipelinePath)}
inputs:
  ${input}
uplink: { url: "mqtt://127.0.0.1:${options.intakePort}", username: ${agent}, password: "${password}" }
http: { host: 127.0.0.1, port: ${options.statusPort} }     # /status, /metrics, /healthz
`;
}
