import type { BusinessRecord } from "./business/business-record.ts";
import { BusinessRun } from "./business/business-run.ts";
import { RecordedPlant, type RecordedPlantOptions } from "./plant/recorded-plant.ts";

export interface RecordedWorldOptions extends RecordedPlantOptions {
  /** False: of records only the truth is wanted. */
  readonly hasRecords: boolean;
}

/** All that a plan makes, machines and records, step by step in order of event time; every step is written down. */
export class RecordedWorld {
  readonly plant: RecordedPlant;
  readonly #business: BusinessRun | null;

  constructor(options: RecordedWorldOptions) {
    this.plant = new RecordedPlant(options);
    const { plan, startMs, record, hasRecords } = options;
    const { seed, business } = plan;
    this.#business =
      business === null ? null : new BusinessRun({ plan: business, seed, startMs, record, hasRecords });
  }

  /** Event time of the next step; Infinity: there is nothing to do. */
  get nextTimeMs(): number {
    return Math.min(this.#plantTimeMs, this.#business?.nextTimeMs ?? Infinity);
  }

  /** Event time before which all records are made; Infinity: there are none. */
  get recordsMadeToMs(): number {
    return this.#business?.nextTimeMs ?? Infinity;
  }

  /** The records of the step, if it has any. */
  step(): readonly BusinessRecord[] {
    const business = this.#business;
    if (business !== null && business.nextTimeMs <= this.#plantTimeMs) return business.step();
    this.plant.step();
    return [];
  }

  /** What a system has to know before the first record. */
  history(): Iterable<BusinessRecord> {
    return this.#business?.history() ?? [];
  }

  /** Nothing more is made. */
  finish(): void {
    this.#business?.finish();
  }

  get #plantTimeMs(): number {
    return this.plant.machines.length === 0 ? Infinity : this.plant.nextTimeMs;
  }
}
