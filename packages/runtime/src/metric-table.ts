/**
 * Every metric that a Millrace program exports, once. Names end in their unit (`_seconds`, `_bytes`, `_total`, or the
 * thing counted). docs/metrics.md is checked against this table.
 */
export const METRIC_TABLE = {
  millrace_info: {
    type: "gauge",
    labels: ["program", "version"],
    help: "Always 1; says which program and version this is.",
  },
  millrace_agent_readings_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Readings at the agent by ledger entry: received, aggregated, rule_only, duplicate, rejected.<reason>, evicted.<reason>. With those held, the entries add up.",
  },
  millrace_agent_readings_pending: {
    type: "gauge",
    labels: [],
    help: "Readings received and not yet durable.",
  },
  millrace_agent_readings_held: {
    type: "gauge",
    labels: [],
    help: "Readings ahead of the agent's clock, held until that is proven right or wrong.",
  },
  millrace_agent_held_bytes: {
    type: "gauge",
    labels: [],
    help: "Bytes of these in the store.",
  },
  millrace_agent_input_lines_total: {
    type: "counter",
    labels: ["input"],
    help: "Lines (payloads) that the inputs http and files have handed over.",
  },
  millrace_agent_input_bytes_total: {
    type: "counter",
    labels: ["input"],
    help: "Bytes that the inputs http and files have read, as they came (packed ones packed).",
  },
  millrace_agent_input_rejected_total: {
    type: "counter",
    labels: ["input", "reason"],
    help: "Of these lines, those rejected in whole or in part; they are among the readings rejected too.",
  },
  millrace_agent_input_refused_requests_total: {
    type: "counter",
    labels: ["input", "status"],
    help: "HTTP requests that were refused, as a whole or (429) from some line on, by status.",
  },
  millrace_agent_input_limited_total: {
    type: "counter",
    labels: ["input", "what"],
    help: "What the MQTT inputs have refused, dropped or forgotten because of a right or a limit, by the names in `status --json`.",
  },
  millrace_agent_input_malformed_packets_total: {
    type: "counter",
    labels: ["input"],
    help: "Connections to the embedded broker that were closed because their packets are no MQTT, or greater than they may be.",
  },
  millrace_agent_input_held: {
    type: "gauge",
    labels: ["input", "what"],
    help: "What the embedded broker holds: clients, sessions (of clients connected or away), messages that wait for them and their bytes, retained messages and theirs, bytes that come in or are being delivered.",
  },
  millrace_agent_input_lag_bytes: {
    type: "gauge",
    labels: ["input", "file"],
    help: "Bytes of a tailed file, rotated ones included, that are not read yet.",
  },
  millrace_agent_commit_seconds: {
    type: "histogram",
    labels: [],
    help: "Duration of one durable commit.",
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
  },
  millrace_agent_commands_total: {
    type: "counter",
    labels: ["input", "result"],
    help: "Commands, repetitions counted, by whether the broker of an input has taken them: taken, missed.",
  },
  millrace_agent_action_seconds: {
    type: "histogram",
    labels: ["rule"],
    help: "Arrival of a reading to the first hand-over of the command it caused; atMostPerMinute's hold counts.",
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
  },
  millrace_agent_sensor_clocks_off: {
    type: "gauge",
    labels: ["direction"],
    help: "Series whose sensor's clock is further ahead than limits.maxFuture, or behind than limits.actionMaxAge.",
  },
  millrace_agent_series: { type: "gauge", labels: ["metric"], help: "Series known." },
  millrace_agent_series_forgotten_total: {
    type: "counter",
    labels: ["metric"],
    help: "Series silent for limits.forgetSilentAfter that have made room for others, since the start.",
  },
  millrace_agent_sparkplug_nodes: {
    type: "gauge",
    labels: ["state"],
    help: "Sparkplug edge nodes heard of, online and offline.",
  },
  millrace_agent_sparkplug_events_total: {
    type: "counter",
    labels: ["event"],
    help: "What was heard of Sparkplug: messages by type, refused_birth (of a node, without seq or bdSeq), old_death (of an earlier session), sequence_gap, unnumbered (messages), rebirth_request, held_metric (waited for a birth), unread_metric (no metric reads it), stale_series (made so by a death).",
  },
  millrace_agent_rule_readings_unseen_total: {
    type: "counter",
    labels: ["reason"],
    help: "Readings that a rule did not judge: late (too far out of order), series_over_limit, windows_refused (no room for the panes of windows that rules look at). They are in panes all the same.",
  },
  millrace_agent_alarms_active: { type: "gauge", labels: [], help: "Alarms active now." },
  millrace_agent_pipeline_info: {
    type: "gauge",
    labels: ["version", "source"],
    help: "Always 1; says which pipeline runs (as `version` in `status`), and whether the file or central gave it.",
  },
  millrace_agent_reloads_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Configurations that were to be taken over while running: applied, applied_undurable, unchanged, refused, rolled_back.",
  },
  millrace_agent_outbox_bytes: {
    type: "gauge",
    labels: [],
    help: "Bytes of batches in the outbox, acknowledged ones included.",
  },
  millrace_agent_outbox_bytes_left: {
    type: "gauge",
    labels: [],
    help: "Bytes that the outbox may still gain, within its cap and what is free on the disk.",
  },
  millrace_agent_outage_left_seconds: {
    type: "gauge",
    labels: [],
    help: "How long an outage these last, at the rate of the last hour, before the backlog is made coarser; +Inf while nothing goes in.",
  },
  millrace_agent_disk_free_bytes: {
    type: "gauge",
    labels: [],
    help: "Free bytes on the disk of the agent's store.",
  },
  millrace_agent_disk_low: {
    type: "gauge",
    labels: [],
    help: "1 while less than `outbox.freeBytesMin` is free: the outbox takes no more of the disk.",
  },
  millrace_agent_outbox_batches: {
    type: "gauge",
    labels: ["lane"],
    help: "Batches not yet acknowledged by central.",
  },
  millrace_agent_coarsened_rows_total: {
    type: "counter",
    labels: [],
    help: "Rows of the backlog (a series' pane each) merged into coarser ones for want of room, since the start: windows finer than those may differ, and say so at central.",
  },
  millrace_agent_alarm_batches_evicted_total: {
    type: "counter",
    labels: [],
    help: "Batches of alarms given up because alarms had more than their share of the outbox.",
  },
  millrace_agent_evidence_parts_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Parts of evidence: sealed, and of these evicted for want of room and damaged; the others are in the outbox or with central.",
  },
  millrace_agent_recordings_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Recordings of the flight recorder since the start: made, and dropped for want of room or because too many alarms waited.",
  },
  millrace_agent_recorder_readings: {
    type: "gauge",
    labels: [],
    help: "Raw readings in the memory of the flight recorder.",
  },
  millrace_agent_recorder_short_seconds: {
    type: "gauge",
    labels: [],
    help: "How much less far back the memory of the flight recorder reaches than recorder.before and after ask for; 0: it reaches.",
  },
  millrace_agent_outbox_age_seconds: {
    type: "gauge",
    labels: ["lane"],
    help: "How long ago the oldest of what central has not acknowledged was measured; 0 where nothing waits.",
  },
  millrace_agent_quarantine_entries: {
    type: "gauge",
    labels: [],
    help: "Payloads kept of those that were rejected; readings of them are counted in millrace_agent_readings_total.",
  },
  millrace_agent_store_up: {
    type: "gauge",
    labels: [],
    help: "1 while the store takes commits; 0: nothing is acknowledged to QoS 1 sensors, and nothing new goes to central.",
  },
  millrace_agent_clock_synchronised: {
    type: "gauge",
    labels: [],
    help: "1 while the gateway's clock is plausible, else 0.",
  },
  millrace_agent_certificate_expiry_timestamp_seconds: {
    type: "gauge",
    labels: ["certificate"],
    help: "End of the certificates that the agent shows, as Unix time: uplink, and of the inputs broker, mqtt and http.",
  },
  millrace_agent_uplink_connected: {
    type: "gauge",
    labels: [],
    help: "1 while central has welcomed this agent, else 0.",
  },
  millrace_agent_uplink_round_trip_seconds: {
    type: "histogram",
    labels: [],
    help: "Heartbeat to echo.",
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
  },
  millrace_agent_watermark_lag_seconds: {
    type: "gauge",
    labels: [],
    help: "Agent's clock minus its watermark.",
  },
  millrace_central_readings_total: {
    type: "counter",
    labels: ["agent", "outcome"],
    help: "Readings at central by ledger entry: received, merged, too_late, unwindowed, unreadable, future, foreign_site, skipped. The entries add up; partly_read are those received with an accumulator of a newer version beside, which is in no window.",
  },
  millrace_central_metric_too_late_total: {
    type: "counter",
    labels: ["stream", "metric"],
    help: "Values of a metric that came too late for all its windows, of readings (stream is empty) or of the records of a stream. Of records that windows of another metric took, too: the ledger's too_late counts those that none took.",
  },
  millrace_central_late_readings_total: {
    type: "counter",
    labels: ["window", "reason"],
    help: "Readings that came late for a window, since the start: after_complete ones revised it, too_late ones it did not take. Of one batch at most 16 windows are counted; GET /api/v1/late has the latest.",
  },
  millrace_central_batches_total: {
    type: "counter",
    labels: ["outcome"],
    help: "Batches that arrived: taken, duplicate, beyond_bound, malformed.",
  },
  millrace_central_evidence_total: {
    type: "counter",
    labels: ["agent", "outcome"],
    help: "Pieces of evidence: complete ones, and those given up because they were unfinished, damaged, expired (too old) or evicted (no room).",
  },
  millrace_central_evidence_parts_total: {
    type: "counter",
    labels: ["agent", "outcome"],
    help: "Parts of evidence that arrived: taken, duplicate, refused.",
  },
  millrace_central_evidence_bytes: {
    type: "gauge",
    labels: [],
    help: "Bytes of evidence in the store, with those of incomplete pieces.",
  },
  millrace_central_evidence_pieces: {
    type: "gauge",
    labels: [],
    help: "Pieces of evidence in the store, with incomplete ones.",
  },
  millrace_central_history_bytes: {
    type: "gauge",
    labels: ["level"],
    help: "Bytes of the history in the store, by level: 1s, 10s, 1m, 1h, 1d.",
  },
  millrace_central_history_dropped_buckets_total: {
    type: "counter",
    labels: ["level", "reason"],
    help: "Buckets of the history that were dropped: age (older than retain), size (beyond bytesMax).",
  },
  millrace_central_history_groups: {
    type: "gauge",
    labels: [],
    help: "Groups of all metrics of which the history has something.",
  },
  millrace_central_history_dirty_blocks: {
    type: "gauge",
    labels: [],
    help: "Blocks of panes that have changed since they were rolled up: one or two of each metric and grouping, more while late data comes.",
  },
  millrace_central_history_lag_seconds: {
    type: "gauge",
    labels: [],
    help: "How long the oldest block that has changed has been over: half a minute is usual, a day after a day of backlog.",
  },
  millrace_central_history_too_late_total: {
    type: "counter",
    labels: [],
    help: "How often a pane gained readings that are in windows and not in the history: a window with a longer lateness was added when other panes of that time were gone.",
  },
  millrace_central_commit_seconds: {
    type: "histogram",
    labels: [],
    help: "Duration of one durable commit.",
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
  },
  millrace_central_commit_failures_total: {
    type: "counter",
    labels: [],
    help: "Tries of a commit that failed, since the start: nothing is acknowledged until one succeeds.",
  },
  millrace_central_disk_free_bytes: {
    type: "gauge",
    labels: [],
    help: "Free bytes on the disk of central's store.",
  },
  millrace_central_quarantine_entries_total: {
    type: "counter",
    labels: [],
    help: "Messages and records, and notes of readings that were not taken, that have gone into the quarantine.",
  },
  millrace_central_quarantine_bytes: {
    type: "gauge",
    labels: [],
    help: "Bytes that the quarantine takes of central's store, about: quarantine.bytesMax bounds it.",
  },
  millrace_central_quarantine_dropped_total: {
    type: "counter",
    labels: ["reason"],
    help: "Of what belonged into the quarantine, what it does not hold: too many came at once (flood, never kept), later ones needed the room (room), it was too old (age).",
  },
  millrace_central_certificate_expiry_timestamp_seconds: {
    type: "gauge",
    labels: ["listener"],
    help: "End of the certificates in force, as Unix time: of the listeners intake and http.",
  },
  millrace_central_windows: { type: "gauge", labels: ["state"], help: "Windows held, by state." },
  millrace_central_agents: {
    type: "gauge",
    labels: ["state"],
    help: "Agents by state: connected, silent, never_seen, retired.",
  },
  millrace_central_agent_up: {
    type: "gauge",
    labels: ["agent", "site"],
    help: "1 while the agent is connected and heard, 0 while it is silent or was never seen; retired ones have none.",
  },
  millrace_central_agent_clock_offset_seconds: {
    type: "gauge",
    labels: ["agent"],
    help: "Agent's clock minus central's at its last message; includes the way here.",
  },
  millrace_central_agent_lag_seconds: {
    type: "gauge",
    labels: ["agent"],
    help: "Central's clock minus the agent's watermark.",
  },
  millrace_central_alarms_active: { type: "gauge", labels: [], help: "Alarms active now." },
  millrace_central_trim_lag_seconds: {
    type: "gauge",
    labels: [],
    help: "How much longer than windows.retain says the oldest result still waiting to be deleted has been kept; 0 when none waits.",
  },
  millrace_central_left_names: {
    type: "gauge",
    labels: [],
    help: "Windows, views of panes and streams of records that the store has and the pipeline does not: they are kept for a while, then cleared.",
  },
  millrace_central_cleared_keys_total: {
    type: "counter",
    labels: [],
    help: "Keys of those that were cleared, since the start.",
  },
  millrace_central_unreadable_values: {
    type: "gauge",
    labels: [],
    help: "Stored values that could not be read and were left out since the start.",
  },
  millrace_central_sink_results_total: {
    type: "counter",
    labels: ["sink", "outcome"],
    help: "Revisions since the start by what became of them at a sink: written, stale (it held a later one), superseded (a later one came while it waited), expired (past the sink's retention), deferred (too much waited; comes from the history), refused (the other side does not want it).",
  },
  millrace_central_sink_waiting: {
    type: "gauge",
    labels: ["sink"],
    help: "Windows, or alarms, whose latest revision waits for a sink.",
  },
  millrace_central_sink_lag_seconds: {
    type: "gauge",
    labels: ["sink"],
    help: "How long the longest of them waits.",
  },
  millrace_central_sink_owed: {
    type: "gauge",
    labels: ["sink"],
    help: "Revisions that were left out while too much waited for a sink, and are still to be read from the history; of a window only the latest is.",
  },
  millrace_central_sink_owed_seconds: {
    type: "gauge",
    labels: ["sink"],
    help: "For how long something is to be read from there for a sink: what was left out or, after a start or a loss, all of it.",
  },
  millrace_central_sink_up: {
    type: "gauge",
    labels: ["sink"],
    help: "1 while the sink takes results.",
  },
  millrace_central_sink_failures_total: {
    type: "counter",
    labels: ["sink", "code"],
    help: "Failed tries since the start, by their code in errors.md.",
  },
  millrace_central_sink_rebuilds_total: {
    type: "counter",
    labels: ["sink"],
    help: "How often what a sink may lack was read from the history, since the start; the start itself is one.",
  },
  millrace_central_prometheus_series: {
    type: "gauge",
    labels: [],
    help: "Series of windows shown at /metrics by the sink prometheus; at most its seriesMax.",
  },
  millrace_central_prometheus_left_out_total: {
    type: "counter",
    labels: ["window"],
    help: "Results of windows since the start that are not at /metrics, because their group found no room within seriesMax.",
  },
  millrace_central_records_total: {
    type: "counter",
    labels: ["stream", "outcome"],
    help: "Records of a stream by ledger entry: received, aggregated, unwindowed (of metrics in no window), duplicate, set_aside, too_late, no_effect (tombstones and the like), rejected.<reason>; the others add up to received. Beside them: altered (duplicates with another content), retracted (what rows of a table had said before), lost (gone before they could be read).",
  },
  millrace_central_record_ids: {
    type: "gauge",
    labels: ["stream"],
    help: "Ids of records that are remembered to tell duplicates.",
  },
  millrace_central_record_ids_dropped_total: {
    type: "counter",
    labels: ["stream"],
    help: "Ids forgotten before their time since the start: there were more than `dedupe.idsMax`.",
  },
  millrace_central_rule_series: {
    type: "gauge",
    labels: ["rule"],
    help: "Of a rule on single records: series that it watches; of a rule on windows at central: groups.",
  },
  millrace_central_rule_series_over_limit_total: {
    type: "counter",
    labels: ["rule"],
    help: "Of a rule on single records, or on windows at central: records, or results of windows, that it did not look at since the start, because there were too many series or groups.",
  },
  millrace_central_rule_pairs: {
    type: "gauge",
    labels: ["rule"],
    help: "Of a rule on records: pairs of key and value that are known.",
  },
  millrace_central_rule_keys: {
    type: "gauge",
    labels: ["rule"],
    help: "Of a rule on records: keys that had a new value of late.",
  },
  millrace_central_rule_forgotten_total: {
    type: "counter",
    labels: ["rule"],
    help: "Of a rule on records: pairs and keys forgotten before their time, because there were more than are kept.",
  },
  millrace_central_record_rows: {
    type: "gauge",
    labels: ["stream"],
    help: "Rows of a followed table that are kept until their windows are final.",
  },
  millrace_central_record_rows_dropped_total: {
    type: "counter",
    labels: ["stream"],
    help: "Rows forgotten before their time since the start: there were more than `debezium.rowsMax`.",
  },
  millrace_central_record_waiting_bytes: {
    type: "gauge",
    labels: ["stream"],
    help: "Records that wait for a commit.",
  },
  millrace_central_record_lag_seconds: {
    type: "gauge",
    labels: ["stream", "partition"],
    help: "Central's clock minus the partition's watermark.",
  },
  millrace_central_record_lag_records: {
    type: "gauge",
    labels: ["stream", "partition"],
    help: "Records of a Kafka partition that are there and not yet read.",
  },
  millrace_central_record_source_up: {
    type: "gauge",
    labels: ["stream"],
    help: "1 while the stream's topic is being read.",
  },
  millrace_central_record_topics_remade_total: {
    type: "counter",
    labels: ["stream"],
    help: "How often, since the start, a Kafka topic of records was found to be another one of the same name, and was read from its start.",
  },
  millrace_central_log_up: {
    type: "gauge",
    labels: [],
    help: "1 while the log between intake and state takes what comes and has been read to its end since the start.",
  },
  millrace_central_log_appended_total: {
    type: "counter",
    labels: [],
    help: "Messages of agents that central has appended to the log since the start.",
  },
  millrace_central_log_waiting_bytes: {
    type: "gauge",
    labels: [],
    help: "Given to the Kafka log and not yet read back.",
  },
  millrace_central_log_lag_records: {
    type: "gauge",
    labels: ["partition"],
    help: "Records of a partition of the Kafka log that are there and not yet in central's state.",
  },
  millrace_central_log_partitions_left_out: {
    type: "gauge",
    labels: [],
    help: "Partitions of the Kafka log that gave nothing for longer than intake.kafka.patience while a central without its store read it anew: the others are read without them, and windows stay provisional until they are.",
  },
  millrace_central_log_lost_records_total: {
    type: "counter",
    labels: [],
    help: "Records of the Kafka log that were gone before they were read, since central's store was made.",
  },
  millrace_central_broker_up: {
    type: "gauge",
    labels: [],
    help: "1 while central is connected to the broker that agents come by (`intake.broker`).",
  },
  millrace_central_stream_clients: { type: "gauge", labels: [], help: "Open dashboard streams." },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof METRIC_TABLE;

export interface MetricRow {
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds, in the unit of the name; histograms only. */
  readonly buckets?: readonly number[];
}
