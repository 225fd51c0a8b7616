import type { BusinessRecord, RecordSource } from "../business-record.ts";
import { DueQueue } from "../../due-queue.ts";
import type { TimeText } from "../time-text.ts";
import type { TruckReport } from "./truck-report.ts";
import type { Truck } from "./truck.ts";

export interface TruckSourceOptions {
  readonly trucks: readonly Truck[];
  readonly time: TimeText;
  readonly idPrefix: string;
  /** Sees every report before it becomes a record. */
  readonly onReport: (report: TruckReport) => void;
}

/** `{"report_id","truck","time","lon","lat","speed","heading","odometer","to","due"}`: km/h, degrees, km. */
export class TruckSource implements RecordSource {
  readonly #options: TruckSourceOptions;
  readonly #next = new DueQueue<Truck>();

  constructor(options: TruckSourceOptions) {
    this.#options = options;
    for (const truck of options.trucks) this.#next.push(truck.nextMs, truck);
  }

  take(untilMs: number, into: BusinessRecord[] | null): void {
    while (this.#next.nextMs < untilMs) {
      const truck = this.#next.pop();
      if (truck === undefined) return;
      const report = truck.next();
      this.#next.push(truck.nextMs, truck);
      this.#options.onReport(report);
      if (into !== null) into.push(this.#record(report));
    }
  }

  #record(report: TruckReport): BusinessRecord {
    const { time, idPrefix } = this.#options;
    const { truck, number, timeMs, sentMs, longitude, latitude, speedKmh, heading, odometerM, to, dueMs } =
      report;
    const id = `${truck}-${idPrefix}${number}`;
    const json = `{"report_id":"${id}","truck":"${truck}","time":${time.of(timeMs)},"lon":${longitude},"lat":${latitude},"speed":${speedKmh},"heading":${heading},"odometer":${odometerM / 1_000},"to":${JSON.stringify(to)},"due":${time.of(dueMs)}}`;
    return { topic: "trucks", id, timeMs, sentMs, key: truck, json };
  }
}
