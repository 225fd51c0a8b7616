import { isObject } from "../parse-json-object.ts";

/** Where in the database's log a change stands. */
export interface SourcePosition {
  /** Compared one after another. */
  readonly order: readonly [number, number, number];
  /** Two changes of a row never have the same; else (only a time is known) the one that is read later is the later one. */
  readonly isExact: boolean;
  /** Of a change that PostgreSQL tells: the LSN behind which it was committed. */
  readonly committedBehind?: number;
}

/** Where a row stands by all that has been told of it. */
export interface RowPosition {
  /** The latest place. */
  readonly order: SourcePosition["order"];
  readonly isExact: boolean;
  /** Where a snapshot of PostgreSQL stands there: the LSN of the last change that was told; absent: none was. */
  readonly toldLsn?: number;
}

/**
 * PostgreSQL: the LSN. Those of one row rise with its changes, since a second transaction waits for the row's lock, though
 * transactions are told in the order of their commits. A snapshot has the LSN of its moment and does not see what is under way then:
 * that is told behind it, with the lower LSN of its write, and `sequence` has that of the commit before it; null before the first. MySQL and MariaDB: binlog file, position, row of the event. Any other
 * connector: when the change was made. A snapshot may stand where the first change behind it does, and comes before it.
 */
export function sourcePosition(source: unknown): SourcePosition | null {
  if (!isObject(source)) return null;
  const { connector, lsn, sequence, file, pos, row, snapshot, ts_ms: timeMs } = source;
  const isSnapshot = isOfSnapshot(snapshot);
  if (connector === "postgresql" && isNumber(lsn)) {
    const committedBehind = isSnapshot ? null : commitBefore(sequence);
    const order = [0, Number(lsn), isSnapshot ? 0 : 1] as const;
    return { order, isExact: true, ...(committedBehind !== null && { committedBehind }) };
  }
  const fileNumber = typeof file === "string" ? Number(/\.(\d{1,15})$/.exec(file)?.[1]) : NaN;
  if (!Number.isNaN(fileNumber) && isNumber(pos)) {
    const rowNumber = isNumber(row) ? Number(row) : 0;
    return { order: [fileNumber, Number(pos), isSnapshot ? 0 : 1 + rowNumber], isExact: true };
  }
  return isNumber(timeMs) ? { order: [0, Number(timeMs), 0], isExact: false } : null;
}

/** `["26367016","26367520"]`: of the commit before, and its own; the first that is told behind a snapshot has null. */
function commitBefore(sequence: unknown): number | null {
  const [, before] = (typeof sequence === "string" && /^\[\s*(null|"\d{1,20}")\s*,/.exec(sequence)) || [];
  if (before === undefined) return null;
  return before === "null" ? Number.MAX_SAFE_INTEGER : Number(before.slice(1, -1));
}

/** Whether a change counts behind what has been told of its row; null: nothing is known. */
export function isNextOfRow(position: SourcePosition | null, row: RowPosition | null): boolean {
  if (position === null || row === null) return true;
  const { committedBehind = -Infinity, order } = position;
  if (!isSnapshotOfPostgres(row) || order[2] === 0) return isLater(position, row);
  if (row.toldLsn !== undefined && order[1] <= row.toldLsn) return false;
  return isLater(position, row) || committedBehind >= row.order[1];
}

/** Where the row stands behind a change that counts. */
export function rowPosition(position: SourcePosition | null, row: RowPosition | null): RowPosition | null {
  if (position === null) return null;
  const { order, isExact } = position;
  const isBehindSnapshot = row !== null && isSnapshotOfPostgres(row) && !isLater(position, row);
  if (isBehindSnapshot) return { order: row.order, isExact, toldLsn: order[1] };
  if (row === null || !isSnapshotOfPostgres(position)) return { order, isExact };
  const toldLsn = row.order[2] === 1 ? row.order[1] : row.toldLsn;
  return { order, isExact, ...(toldLsn !== undefined && { toldLsn }) };
}

function isSnapshotOfPostgres({ order, isExact }: RowPosition): boolean {
  return isExact && order[0] === 0 && order[2] === 0;
}

/** Whether a change comes after another one of the same table, which was read before it, by their places alone. */
export function isLater(position: RowPosition | null, than: RowPosition | null): boolean {
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
