import type { Metrics } from "@millrace/runtime";
import { LATE_REASONS } from "@millrace/stream";
import type { Central } from "./central.ts";
import type { BrokerIntakeView } from "./intake/broker-intake.ts";
import type { HistoryCounts } from "./history/series-history.ts";
import type { RecordStreamView } from "./records/record-stream-view.ts";
import type { RecordTotals } from "./records/record-totals.ts";
import type { LedgerTotals } from "./ledger/central-ledger.ts";
import type { AgentView } from "./agents/agent-view.ts";
import type { QuarantineCounts } from "./ledger/quarantine.ts";
import type { PrometheusSinkView } from "./sinks/prometheus/prometheus-sink.ts";
import type { SinkView } from "./sinks/sink-view.ts";

/** When the certificate that a listener shows ends. */
export interface CertificateEnd {
  readonly listener: string;
  readonly notAfterMs: number;
}

/** Central's Prometheus metrics; totals follow the durable ledger. */
export class CentralMetrics {
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  committed(durationMs: number): void {
    this.#metrics.histogram("millrace_central_commit_seconds").observe(durationMs / 1_000);
  }

  commitFailed(): void {
    this.#metrics.counter("millrace_central_commit_failures_total").add(1);
  }

  /** To be called before the metrics are read. */
  refresh(
    central: Central,
    options: {
      readonly nowMs: number;
      readonly streamClients: number;
      readonly sinks: readonly SinkView[];
      readonly records: readonly RecordStreamView[];
      /** Null: windows are not at /metrics. */
      readonly scraped: PrometheusSinkView | null;
      /** Ends of the listeners' certificates in force. */
      readonly certificates: readonly CertificateEnd[];
      /** Null where nobody knows. */
      readonly freeBytes: number | null;
      /** Null where agents come by no broker of others. */
      readonly broker: BrokerIntakeView | null;
    },
  ): void {
    this.#refreshSinks(options.sinks);
    this.#refreshScraped(options.scraped);
    this.#refreshCertificates(options.certificates);
    this.#metrics.counter("millrace_central_commit_failures_total").add(0);
    if (options.freeBytes !== null)
      this.#metrics.gauge("millrace_central_disk_free_bytes").set(options.freeBytes, {});
    this.#refreshQuarantine(central.counts.quarantine);
    this.#refreshRecords(options.records, options.nowMs);
    this.#refreshLog(central);
    if (options.broker !== null)
      this.#metrics.gauge("millrace_central_broker_up").set(options.broker.isConnected ? 1 : 0, {});
    const readings = this.#metrics.counter("millrace_central_readings_total");
    const batches = { taken: 0, duplicate: 0, beyond_bound: 0, malformed: 0 };
    for (const [agent, totals] of central.ledger()) {
      for (const [outcome, total] of Object.entries(readingsByOutcome(totals)))
        readings.follow(total, { agent, outcome });
      for (const [outcome, total] of Object.entries(evidenceByOutcome(totals)))
        this.#metrics.counter("millrace_central_evidence_total").follow(total, { agent, outcome });
      for (const [outcome, total] of Object.entries(evidencePartsByOutcome(totals)))
        this.#metrics.counter("millrace_central_evidence_parts_total").follow(total, { agent, outcome });
      batches.taken += totals.batches;
      batches.duplicate += totals.duplicates;
      batches.beyond_bound += totals.beyond;
      for (const count of Object.values(totals.rejected)) batches.malformed += count;
    }
    for (const [outcome, total] of Object.entries(batches)) {
      this.#metrics.counter("millrace_central_batches_total").follow(total, { outcome });
    }
    const late = this.#metrics.counter("millrace_central_late_readings_total");
    for (const { name: window } of central.pipeline().windows)
      for (const reason of LATE_REASONS) late.follow(0, { window, reason });
    for (const { window, reason, readings } of central.lateCounts) late.follow(readings, { window, reason });
    this.#refreshTooLate(central, options.records);
    this.#refreshAgents(central.agents(), options.nowMs);
    const windows = { provisional: 0, complete: 0, final: 0 };
    for (const window of central.recentWindows()) windows[window.state] += 1;
    for (const [state, count] of Object.entries(windows))
      this.#metrics.gauge("millrace_central_windows").set(count, { state });
    this.#metrics.gauge("millrace_central_evidence_bytes").set(central.counts.evidenceBytes, {});
    this.#metrics.gauge("millrace_central_evidence_pieces").set(central.counts.evidencePieces, {});
    this.#refreshHistory(central.historyCounts(options.nowMs));
    for (const { rule, groups, overLimit } of central.windowRuleCounts()) {
      this.#metrics.gauge("millrace_central_rule_series").set(groups, { rule });
      this.#metrics.counter("millrace_central_rule_series_over_limit_total").follow(overLimit, { rule });
    }
    const active = central.alarms().filter((alarm) => alarm.isActive).length;
    this.#metrics.gauge("millrace_central_alarms_active").set(active, {});
    this.#metrics.gauge("millrace_central_trim_lag_seconds").set(central.counts.trimLagMs / 1_000, {});
    this.#metrics.gauge("millrace_central_left_names").set(central.counts.leftNames, {});
    this.#metrics.counter("millrace_central_cleared_keys_total").follow(central.counts.clearedKeys, {});
    this.#metrics.gauge("millrace_central_unreadable_values").set(central.counts.unreadable, {});
    this.#metrics.gauge("millrace_central_stream_clients").set(options.streamClients, {});
  }

  /** From 0 on: a rate sees the first. */
  #refreshTooLate(central: Pick<Central, "ledger" | "pipeline">, records: readonly RecordStreamView[]): void {
    const tooLate = this.#metrics.counter("millrace_central_metric_too_late_total");
    for (const { name: metric, records: source } of central.pipeline().metrics)
      tooLate.follow(0, { stream: source?.stream ?? "", metric });
    for (const { stream, totals } of records)
      for (const [metric, count] of Object.entries(totals.tooLateByMetric))
        tooLate.follow(count, { stream, metric });
    const ofReadings = new Map<string, number>();
    for (const { tooLateByMetric } of central.ledger().values())
      for (const [metric, count] of Object.entries(tooLateByMetric))
        ofReadings.set(metric, (ofReadings.get(metric) ?? 0) + count);
    for (const [metric, count] of ofReadings) tooLate.follow(count, { stream: "", metric });
  }

  /** One that was retired is gone from here, too. */
  #refreshAgents(views: readonly AgentView[], nowMs: number): void {
    const agents = { connected: 0, silent: 0, never_seen: 0, retired: 0 };
    const up = this.#metrics.gauge("millrace_central_agent_up");
    const lag = this.#metrics.gauge("millrace_central_agent_lag_seconds");
    const offset = this.#metrics.gauge("millrace_central_agent_clock_offset_seconds");
    for (const gauge of [up, lag, offset]) gauge.forgetAll();
    for (const { agent, site, state, watermarkMs, clockOffsetMs } of views) {
      agents[state] += 1;
      if (state === "retired") continue;
      up.set(state === "connected" ? 1 : 0, { agent, site });
      if (watermarkMs !== null) lag.set((nowMs - watermarkMs) / 1_000, { agent });
      if (clockOffsetMs !== null) offset.set(clockOffsetMs / 1_000, { agent });
    }
    for (const [state, count] of Object.entries(agents))
      this.#metrics.gauge("millrace_central_agents").set(count, { state });
  }

  #refreshScraped(scraped: PrometheusSinkView | null): void {
    if (scraped === null) return;
    this.#metrics.gauge("millrace_central_prometheus_series").set(scraped.series, {});
    const leftOut = this.#metrics.counter("millrace_central_prometheus_left_out_total");
    for (const [window, count] of Object.entries(scraped.leftOut)) leftOut.follow(count, { window });
  }

  #refreshCertificates(certificates: readonly CertificateEnd[]): void {
    const expiry = this.#metrics.gauge("millrace_central_certificate_expiry_timestamp_seconds");
    for (const { listener, notAfterMs } of certificates) expiry.set(notAfterMs / 1_000, { listener });
  }

  #refreshLog({ logLoss, logView }: Pick<Central, "logLoss" | "logView">): void {
    this.#metrics.gauge("millrace_central_log_up").set(logView.state === "up" ? 1 : 0, {});
    this.#metrics.counter("millrace_central_log_appended_total").follow(logView.appendedEntries, {});
    this.#metrics.gauge("millrace_central_log_partitions_left_out").set(logView.leftOut.length, {});
    this.#metrics.gauge("millrace_central_log_waiting_bytes").set(logView.waitingBytes, {});
    for (const [partition, lag] of Object.entries(logView.lag))
      this.#metrics.gauge("millrace_central_log_lag_records").set(lag, { partition });
    this.#metrics.counter("millrace_central_log_lost_records_total").follow(logLoss?.records ?? 0, {});
  }

  #refreshHistory(history: HistoryCounts | null): void {
    if (history === null) return;
    const dropped = this.#metrics.counter("millrace_central_history_dropped_buckets_total");
    for (const [level, { bytes, droppedByAge, droppedBySize }] of Object.entries(history.totals)) {
      this.#metrics.gauge("millrace_central_history_bytes").set(bytes, { level });
      dropped.follow(droppedByAge, { level, reason: "age" });
      dropped.follow(droppedBySize, { level, reason: "size" });
    }
    this.#metrics.gauge("millrace_central_history_groups").set(history.groups, {});
    this.#metrics.gauge("millrace_central_history_dirty_blocks").set(history.dirtyBlocks, {});
    this.#metrics.gauge("millrace_central_history_lag_seconds").set(history.lagMs / 1_000, {});
    this.#metrics.counter("millrace_central_history_too_late_total").follow(history.tooLate, {});
  }

  #refreshRecords(streams: readonly RecordStreamView[], nowMs: number): void {
    for (const view of streams) {
      const { stream, totals, partitions, ids, idsDropped, rows, rowsDropped, rules, watches } = view;
      const { waitingBytes, reading } = view;
      const records = this.#metrics.counter("millrace_central_records_total");
      for (const [outcome, total] of Object.entries(recordsByOutcome(totals)))
        records.follow(total, { stream, outcome });
      this.#metrics.gauge("millrace_central_record_ids").set(ids, { stream });
      this.#metrics.counter("millrace_central_record_ids_dropped_total").follow(idsDropped, { stream });
      for (const { rule, known, keys, forgotten } of rules) {
        this.#metrics.gauge("millrace_central_rule_pairs").set(known, { rule });
        this.#metrics.gauge("millrace_central_rule_keys").set(keys, { rule });
        this.#metrics.counter("millrace_central_rule_forgotten_total").follow(forgotten, { rule });
      }
      if (rows !== null) {
        this.#metrics.gauge("millrace_central_record_rows").set(rows, { stream });
        this.#metrics.counter("millrace_central_record_rows_dropped_total").follow(rowsDropped, { stream });
      }
      this.#metrics.gauge("millrace_central_record_waiting_bytes").set(waitingBytes, { stream });
      for (const { rule, series, overLimit } of watches) {
        this.#metrics.gauge("millrace_central_rule_series").set(series, { rule });
        this.#metrics.counter("millrace_central_rule_series_over_limit_total").follow(overLimit, { rule });
      }
      if (reading !== null) {
        this.#metrics
          .gauge("millrace_central_record_source_up")
          .set(reading.state === "reading" ? 1 : 0, { stream });
        this.#metrics
          .counter("millrace_central_record_topics_remade_total")
          .follow(reading.remadeCount, { stream });
      }
      for (const { partition, watermarkMs } of partitions) {
        const labels = { stream, partition: String(partition) };
        if (watermarkMs !== null)
          this.#metrics
            .gauge("millrace_central_record_lag_seconds")
            .set((nowMs - watermarkMs) / 1_000, labels);
        const lag = reading?.lag[partition];
        if (lag !== undefined) this.#metrics.gauge("millrace_central_record_lag_records").set(lag, labels);
      }
    }
  }

  #refreshQuarantine(counts: QuarantineCounts | null): void {
    if (counts === null) return;
    const { taken, kept, dropped } = counts;
    this.#metrics.counter("millrace_central_quarantine_entries_total").follow(taken, {});
    this.#metrics.gauge("millrace_central_quarantine_bytes").set(kept.bytes, {});
    for (const [reason, count] of Object.entries(dropped))
      this.#metrics.counter("millrace_central_quarantine_dropped_total").follow(count, { reason });
  }

  #refreshSinks(sinks: readonly SinkView[]): void {
    for (const { sink, state, waiting, waitingMs, owed, owedMs, outcomes, failures, rebuilds } of sinks) {
      const isUp = state === "up" || state === "rebuilding";
      this.#metrics.gauge("millrace_central_sink_up").set(isUp ? 1 : 0, { sink });
      this.#metrics.gauge("millrace_central_sink_waiting").set(waiting, { sink });
      this.#metrics.gauge("millrace_central_sink_lag_seconds").set(waitingMs / 1_000, { sink });
      this.#metrics.gauge("millrace_central_sink_owed").set(owed, { sink });
      this.#metrics.gauge("millrace_central_sink_owed_seconds").set(owedMs / 1_000, { sink });
      this.#metrics.counter("millrace_central_sink_rebuilds_total").follow(rebuilds, { sink });
      for (const [outcome, count] of Object.entries(outcomes))
        this.#metrics.counter("millrace_central_sink_results_total").follow(count, { sink, outcome });
      for (const [code, count] of Object.entries(failures))
        this.#metrics.counter("millrace_central_sink_failures_total").follow(count, { sink, code });
    }
  }
}

function recordsByOutcome({
  setAside,
  tooLate,
  duplicates,
  noEffect,
  rejected,
  tooLateByMetric: _,
  ...totals
}: RecordTotals): Record<string, number> {
  const reasons = Object.entries(rejected).map(([reason, count]) => [`rejected.${reason}`, count]);
  const renamed = { set_aside: setAside, too_late: tooLate, duplicate: duplicates, no_effect: noEffect };
  return { ...totals, ...renamed, ...Object.fromEntries(reasons) };
}

function readingsByOutcome(totals: LedgerTotals): Record<string, number> {
  const { tooLate, foreignSite, partlyRead, received, merged, unwindowed, unreadable, future, skipped } =
    totals;
  const renamed = { too_late: tooLate, foreign_site: foreignSite, partly_read: partlyRead };
  return { received, merged, unwindowed, unreadable, future, skipped, ...renamed };
}

function evidenceByOutcome(totals: LedgerTotals): Record<string, number> {
  return {
    complete: totals.evidence,
    unfinished: totals.evidenceUnfinished,
    damaged: totals.evidenceDamaged,
    expired: totals.evidenceExpired,
    evicted: totals.evidenceEvicted,
  };
}

function evidencePartsByOutcome(totals: LedgerTotals): Record<string, number> {
  return {
    taken: totals.evidenceParts,
    duplicate: totals.evidencePartsDuplicate,
    refused: totals.evidencePartsRefused,
  };
}
