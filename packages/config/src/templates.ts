/** What `millrace-agent init` and `millrace-central init` write: commented files that load without warnings. */
export interface AgentTemplateOptions {
  readonly agent?: string;
  readonly site?: string;
}

export function agentTemplate({ agent = "gateway-1", site = "site-1" }: AgentTemplateOptions = {}): string {
  return `# Millrace agent: who and where this gateway is. Every key: docs/config.md. Check: millrace-agent check --config agent.yaml
version: 1

agent: ${agent}          # unique at central
site: ${site}
data: ./agent-data          # the store; this agent's alone
pipeline: ./pipeline.yaml   # what is measured and watched; the same file on every gateway

inputs:                     # at least one
  # Embedded MQTT broker that sensors publish to. It listens on this machine only; to open it to the sensors' network,
  # set host: 0.0.0.0 and list users.
  broker:
    host: 127.0.0.1
    port: 1883
    # users:
    #   - { user: press-1, passwordFile: /etc/millrace/press-1.password }

  # Client on a broker that the site already has.
  # mqtt:
  #   url: mqtt://broker.example:1883
  #   username: millrace
  #   passwordFile: /etc/millrace/broker.password

  # Readings over HTTP: POST /topics/<topic>, and Telegraf's influxdb outputs (POST /write, topic influx/<measurement>).
  # http:
  #   port: 8186
  #   users:
  #     - { user: telegraf, tokenFile: /etc/millrace/telegraf.token }

  # Files that grow; rotation is followed.
  # files:
  #   - { path: /var/log/bench/*.log, topic: "bench/{file}/temperature", interval: 1s }

  # The gateway's own CPU, memory, disk, network and temperature.
  host:
    interval: 1s
    # labels: { line: office }

uplink:
  url: mqtt://127.0.0.1:1884          # mqtts:// beyond a trusted network
  password: \${MILLRACE_PASSWORD:-change-me}   # or passwordFile: /etc/millrace/uplink.password
  # ca: /etc/millrace/ca.pem
  # backfillBytesPerSecond: 1MB       # pace at which a backlog drains beside live data

# outbox:
#   bytesMax: 1GiB                    # disk for what waits for central; beyond it the oldest backlog becomes coarser, then goes, counted
#   freeBytesMin: 256MiB              # below it the outbox takes no more of the disk
#   retainAcked: 24h

# limits:
#   maxFuture: 5s                     # readings further ahead of this clock are rejected
#   outOfOrderness: 5s                # how late readings usually are
#   payloadBytesMax: 64KiB
#   seriesPerMetricMax: 10000

# recorder: { bytesMax: 16MiB, before: 10s, after: 5s }   # an alarm brings the raw readings around it

# http: { host: 127.0.0.1, port: 9464 }   # health, status, Prometheus metrics
# log: { level: info }
`;
}

export function pipelineTemplate(): string {
  return `# Millrace pipeline: what is measured, aggregated and watched. The same file for every agent and for central.
# Every key: docs/config.md. Check: millrace-agent check --config agent.yaml
version: 1

metrics:
  # A sensor that publishes {"temperature": 71.3, "ts": 1767225600000} to factory/site-1/line-1/press-1/temperature.
  # The levels in braces become labels.
  temperature:
    unit: °C
    from:
      topic: factory/{site}/{line}/{machine}/temperature
      json:
        value: $.temperature
        time: { path: $.ts, unit: ms }   # its own time: counted exactly once
    accumulate: [count, mean, min, max]
    live: true                           # shown while the window fills

  # The gateway's own CPU.
  cpu:
    unit: "%"
    from: { host: cpu }
    live: true

windows:
  temperature_1m: { metric: temperature, size: 1m, slide: 10s, by: [site, line] }
  cpu_10s: { metric: cpu, size: 10s, by: [site] }

rules:
  # Not a safety function: it never replaces the hard-wired stop.
  overheating:
    metric: temperature
    when: { above: 80, clearBelow: 75 }
    severity: 900
    action:
      publish: factory/{site}/{line}/{machine}/command
      payload: STOP
      confirm: { topic: "factory/{site}/{line}/{machine}/state", equals: stopped, within: 2s }
      armed: false                       # dry run: everything but the sending
`;
}

export function centralTemplate(): string {
  return `# Millrace central: merges all sites' windows, shows the dashboard. Every key: docs/config.md.
# Check: millrace-central check --config central.yaml
version: 1

data: ./central-data        # the store; central's alone
pipeline: ./pipeline.yaml   # the same file as the agents'

intake:
  mqtt:
    host: 127.0.0.1         # 0.0.0.0 for agents on other machines: then with tls
    port: 1884
    # tls: { cert: /etc/millrace/central.pem, key: /etc/millrace/central.key }

agents:                     # the ones expected in every window
  - id: gateway-1
    site: site-1
    password: \${MILLRACE_PASSWORD:-change-me}   # or passwordFile: /etc/millrace/gateway-1.password

http: { host: 127.0.0.1, port: 8080 }   # dashboard and API

# records: { orders: { http: {} } }   # business records that metrics read: posted, or from a Kafka topic

# windows:
#   grace: 2s               # after the first agent has passed a window, how long the others are waited for
#   retain: 30d
# silentAfter: 3s
# log: { level: info }
`;
}
