import type { AgentConfig } from "@millrace/config";

/** A small agent of site alpha, for tests that reach neither socket nor disk. */
export const TEST_AGENT_CONFIG: AgentConfig = {
  path: "agent.yaml",
  agent: "alpha-1",
  site: "alpha",
  dataFolder: "data",
  pipelinePath: "pipeline.yaml",
  inputs: { broker: null, mqtt: null, http: null, files: [], host: null },
  sparkplug: {
    hostId: "alpha",
    reorderTimeoutMs: 2_000,
    rebirthIntervalMs: 10_000,
    payloadBytesMax: 1 << 20,
  },
  uplink: {
    url: "",
    kafka: null,
    username: "",
    password: null,
    ca: null,
    cert: null,
    key: null,
    backfillBytesPerSecond: 1e6,
    inFlightBatchesMax: 32,
  },
  outbox: { bytesMax: 1 << 20, freeBytesMin: 1 << 20, retainAckedMs: 86_400_000 },
  limits: {
    maxFutureMs: 5_000,
    payloadBytesMax: 200,
    seriesPerMetricMax: 100,
    outOfOrdernessMs: 5_000,
    idleTimeoutMs: 30_000,
    dedupeHorizonMs: 600_000,
    dedupeKeysMax: 1_000,
    actionMaxAgeMs: 5_000,
    clockFloorMs: Date.UTC(2020, 0, 1),
  },
  recorder: null,
  commit: { liveIntervalMs: 250, checkpointIntervalMs: 1_000, ackIntervalMs: 25 },
  http: { host: "127.0.0.1", port: 0, allowedHosts: [] },
  logLevel: "info",
};
