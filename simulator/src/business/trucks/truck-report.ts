export interface TruckReport {
  readonly truck: string;
  /** By its place among the plan's routes. */
  readonly route: number;
  /** From 1 for each truck. */
  readonly number: number;
  readonly timeMs: number;
  /** Later than `timeMs` when there was no radio. */
  readonly sentMs: number;
  /** As they stand in the record: rounded. */
  readonly longitude: number;
  readonly latitude: number;
  readonly speedKmh: number;
  readonly heading: number;
  readonly odometerM: number;
  /** The next city, and when the truck should be there. */
  readonly to: string;
  readonly dueMs: number;
}
