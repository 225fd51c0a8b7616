import { isObject } from "../parse-json-object.ts";

/** Where in the database's log a change stands. */
export interface SourcePosition {
  /** Compared one after another. */
  readonly order: readonly [number, number, number];
  /** Two changes of a row never have the same; else (only a time is known) the one that is read later is the later one. */
  readonly isExact: boolean;
}

/**
 * PostgreSQL: the LSN. Those of one row rise with its changes, since a second transaction waits for the row's lock, though
 * transactions are told in the order of their commits. MySQL and MariaDB: binlog file, position, row of the event. Any other
 * connector: when the change was made. A snapshot may stand where the first change behind it does, and comes before it.
 */
export function sourcePosition(source: unknown): SourcePosition | null {
  if (!isObject(source)) return null;
  const { connector, lsn, file, pos, row, snapshot, ts_ms: timeMs } = source;
  const isSnapshot = isOfSnapshot(snapshot);
  if (connector === "postgresql" && isNumber(lsn))
    return { order: [0, Number(lsn), isSnapshot ? 0 : 1], isExact: true };
  const fileNumber = typeof file === "string" ? Number(/\.(\d{1,15})$/.exec(file)?.[1]) : NaN;
  if (!Number.isNaN(fileNumber) && isNumber(pos)) {
    const rowNumber = isNumber(row) ? Number(row) : 0;
    return { order: [fileNumber, Number(pos), isSnapshot ? 0 : 1 + rowNumber], isExact: true };
  }
  return isNumber(timeMs) ? { order: [0, Number(timeMs), 0], isExact: false } : null;
}

/** Whether a change comes after another one of the same row, which was read before it. */
export function isLater(position: SourcePosition | null, than: SourcePosition | null): boolean {
  if (position === null || than === null) return true;
  for (let at = 0; at < position.order.length; at += 1) {
    const difference = position.order[at] - than.order[at];
    if (difference !== 0) return difference > 0;
  }
  return !position.isExact;
}

/** Whether a snapshot has read it, by what the source says of that. */
export function isOfSnapshot(snapshot: unknown): boolean {
  return !NO_SNAPSHOT.has(snapshot);
}

const NO_SNAPSHOT: ReadonlySet<unknown> = new Set([undefined, null, false, "false"]);

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value));
}
