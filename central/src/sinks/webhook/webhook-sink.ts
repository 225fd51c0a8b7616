import type { WebhookSinkConfig } from "@millrace/config";
import { connectionReason, MillraceError } from "@millrace/runtime";
import type { Clock, Logger } from "@millrace/runtime";
import type { AlarmView } from "../../alarms/alarm-view.ts";
import type { SinkTarget, SinkWritten } from "../sink-target.ts";
import { alertGroupOf } from "./alert-group.ts";
import { alertMessage } from "./alert-message.ts";
import { postJson } from "./post-json.ts";
import { retryAfterMs } from "./retry-after.ts";

/** Of one post; more are counted in it as truncated. */
const ALERTS_MAX = 200;
/** What may come of the configuration, the network or the moment is tried again; other refusals are of the message itself. */
const RETRIED = new Set([401, 403, 404, 405, 407, 408, 425, 429]);
/** Groups that a write fails at before it gives up: then it is not for what one of them says. */
const FAILED_GROUPS_MAX = 3;

export interface WebhookSinkOptions {
  readonly config: WebhookSinkConfig;
  /** As they are now. */
  readonly alarms: () => readonly AlarmView[];
  readonly clock: Pick<Clock, "nowMs">;
  readonly log: Logger;
}

/**
 * Alarms to a receiver of Alertmanager's webhooks: of each rule and site one post, with what has changed and all that is active,
 * so that a group is resolved when all of it is.
 */
export class WebhookSink implements SinkTarget<AlarmView> {
  readonly name = "webhook";
  readonly #options: WebhookSinkOptions;
  readonly #ending = new AbortController();
  #restMs = 0;

  constructor(options: WebhookSinkOptions) {
    this.#options = options;
  }

  /** Whether it is there is seen with the first alarm: it is asked nothing before. */
  async open(): Promise<{ readonly holdsAll: boolean }> {
    return { holdsAll: true };
  }

  /** A group that the receiver fails at holds no other up: those are posted all the same, and not again with it. */
  async write(items: readonly AlarmView[]): Promise<SinkWritten<AlarmView>> {
    this.#restMs = 0;
    const active = Map.groupBy(this.#options.alarms().filter(isShown), (alarm) => alertGroupOf(alarm).key);
    const counts = { taken: 0, refused: 0 };
    const failures: MillraceError[] = [];
    const [unasked, failed]: [AlarmView[], AlarmView[]] = [[], []];
    for (const [group, changed] of Map.groupBy(items, (alarm) => alertGroupOf(alarm).key)) {
      if (failures.length >= FAILED_GROUPS_MAX || this.#restMs > 0) {
        for (const alarm of changed) unasked.push(alarm);
        continue;
      }
      const outcome = await this.#post(withActive(changed, active.get(group) ?? []), changed.length);
      if (outcome instanceof MillraceError) {
        failures.push(outcome);
        for (const alarm of changed) failed.push(alarm);
      } else counts[outcome] += changed.length;
    }
    const [why] = failures;
    return why === undefined ? counts : { ...counts, left: { items: [...unasked, ...failed], why } };
  }

  restMs(): number {
    return this.#restMs;
  }

  close(): void {
    this.#ending.abort();
  }

  /** `refused`: the receiver does not want it, now or ever. Or why it is to be tried again. */
  async #post(
    alarms: readonly AlarmView[],
    changedCount: number,
  ): Promise<"taken" | "refused" | MillraceError> {
    const { config, clock, log } = this.#options;
    const { url, header, tls, timeoutMs, dashboardUrl } = config;
    const shownMax = Math.max(ALERTS_MAX, changedCount);
    const shown = alarms.slice(0, shownMax);
    const body = alertMessage(shown, { truncated: alarms.length - shown.length, dashboardUrl });
    const headers = header === null ? {} : { [header.name]: header.value };
    let answer;
    try {
      answer = await postJson(body, { url, headers, tls, timeoutMs, signal: this.#ending.signal });
    } catch (error) {
      return this.#failure(connectionReason(error, "sinks.webhook.tls.ca"), error);
    }
    const { status, retryAfter, text } = answer;
    if (status >= 200 && status < 300) return "taken";
    const said = `it answers ${status}${text.trim() === "" ? "" : ` (${text.trim()})`}`;
    if (status >= 400 && status < 500 && !RETRIED.has(status)) {
      log.repeated(`webhook ${status}`, "a receiver refuses alarms, which are not posted to it again", {
        receiver: this.#place,
        reason: said,
        alarms: changedCount,
      });
      return "refused";
    }
    this.#restMs = retryAfterMs(retryAfter, clock.nowMs());
    return this.#failure(said);
  }

  #failure(reason: string, cause?: unknown): MillraceError {
    return new MillraceError("sink_webhook", { place: this.#place, reason }, { cause });
  }

  /** Without path and query: they may be secret. */
  get #place(): string {
    return new URL(this.#options.config.url).origin;
  }
}

function isShown({ isActive, isHistorical, isSuppressed }: AlarmView): boolean {
  return isActive && !isHistorical && isSuppressed !== true;
}

/** What has changed comes first, as it was when it changed: what has come of it since follows. */
function withActive(changed: readonly AlarmView[], active: readonly AlarmView[]): readonly AlarmView[] {
  const known = new Set(changed.map(({ agent, id }) => `${agent}\0${id}`));
  return [...changed, ...active.filter(({ agent, id }) => !known.has(`${agent}\0${id}`))];
}
