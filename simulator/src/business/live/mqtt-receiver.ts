import type { Clock, Random } from "@millrace/runtime";
import type { PasswordLogin } from "../../publish/login.ts";
import type { ReceiverWatch } from "../../publish/receiver-watch.ts";
import { SensorConnection } from "../../publish/sensor-connection.ts";
import type { BusinessRecord, RecordStreamName } from "../business-record.ts";
import type { RecordReceiver } from "./record-receiver.ts";

export interface MqttReceiverOptions {
  /** `mqtt://host:port`. */
  readonly broker: string;
  readonly login: PasswordLogin | null;
  readonly topicOf: (stream: RecordStreamName) => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly watch: ReceiverWatch;
}

const IN_FLIGHT_MAX = 1_000;

/**
 * Records over MQTT at QoS 1, a topic for each stream. What was sent and not acknowledged when a connection was lost goes out
 * again, though it may have come. A tombstone has no message: an empty one would mean something else to MQTT.
 */
export class MqttReceiver implements RecordReceiver {
  readonly #topicOf: MqttReceiverOptions["topicOf"];
  readonly #connection: SensorConnection;
  #waitingCount = 0;
  #againMax = 0;
  #reconnectCount = 0;
  #isClosed = false;
  #settle = (): void => {};

  constructor({ broker, login, topicOf, clock, random, watch }: MqttReceiverOptions) {
    this.#topicOf = topicOf;
    this.#connection = new SensorConnection({
      broker,
      login,
      qos: 1,
      clientId: `millrace-sim-records-${random.hex(4)}`,
      commandTopics: [],
      node: null,
      inFlightMax: IN_FLIGHT_MAX,
      clock,
      random,
      watch,
      onDelivered: () => {
        this.#waitingCount -= 1;
        if (this.#waitingCount === 0) this.#settle();
      },
      onUnsure: () => {},
      onCommand: () => {},
    });
  }

  get againMax(): number {
    return this.#againMax;
  }

  open(): Promise<null> {
    this.#connection.open();
    return Promise.resolve(null);
  }

  async send(records: readonly BusinessRecord[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#settle = resolve;
    for (const { topic: stream, json } of records) {
      if (json === null) continue;
      this.#waitingCount += 1;
      this.#connection.send({ numbers: [], readings: null, topic: this.#topicOf(stream), payload: json });
    }
    const sentCount = this.#waitingCount;
    if (sentCount > 0 && !this.#isClosed) await promise;
    const { reconnectCount } = this.#connection;
    this.#againMax += (reconnectCount - this.#reconnectCount) * Math.min(IN_FLIGHT_MAX, sentCount);
    this.#reconnectCount = reconnectCount;
    if (this.#waitingCount > 0) throw new Error("cannot publish: it was closed");
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#settle();
    return this.#connection.close();
  }
}
