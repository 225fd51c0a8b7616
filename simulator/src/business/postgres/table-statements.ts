import type { RecordTable, TableChange, TableValue } from "./record-table.ts";

export interface Statement {
  readonly text: string;
  /** One list of values for each column. */
  readonly values: readonly (readonly TableValue[])[];
  readonly table: string;
  readonly rowCount: number;
}

/** What makes the table where it is not there yet. */
export function creationOf({ table, columns, isWholeLogged }: RecordTable): readonly string[] {
  const list = columns.map(
    ({ name, type }, at) => `${quoted(name)} ${type}${at === 0 ? " PRIMARY KEY" : ""}`,
  );
  return [
    `CREATE TABLE IF NOT EXISTS ${quoted(table)} (${list.join(", ")})`,
    ...(isWholeLogged ? [`ALTER TABLE ${quoted(table)} REPLICA IDENTITY FULL`] : []),
  ];
}

/**
 * Changes as few statements: those of one table and kind together, and after a row's change its next one. Other rows'
 * changes may change places, which nobody sees within one transaction.
 */
export function toStatements(
  changes: readonly TableChange[],
  tables: ReadonlyMap<string, RecordTable>,
): readonly Statement[] {
  /** Each row's n-th change is in the n-th round. */
  const rounds: Map<string, TableChange[]>[] = [];
  const roundOf = new Map<string, number>();
  for (const change of changes) {
    const row = `${change.table} ${change.values[0]}`;
    const round = roundOf.get(row) ?? 0;
    roundOf.set(row, round + 1);
    const groups = (rounds[round] ??= new Map());
    const kind = `${change.table} ${change.op}`;
    const group = groups.get(kind);
    if (group === undefined) groups.set(kind, [change]);
    else group.push(change);
  }
  return rounds.flatMap((groups) =>
    [...groups.values()].map((group) => {
      const table = tables.get(group[0].table);
      if (table === undefined) throw new Error(`invariant: ${group[0].table} is one of the tables`);
      return statementOf(group, table);
    }),
  );
}

function statementOf(group: readonly TableChange[], { table, columns }: RecordTable): Statement {
  const { op } = group[0];
  const chosen = op === "delete" ? columns.slice(0, 1) : columns;
  const names = chosen.map(({ name }) => quoted(name));
  const key = names[0];
  const rows = `unnest(${chosen.map(({ type }, at) => `$${at + 1}::${type}[]`).join(", ")})`;
  const texts = {
    insert: `INSERT INTO ${quoted(table)} (${names.join(", ")}) SELECT * FROM ${rows}`,
    update: `UPDATE ${quoted(table)} AS t SET ${names
      .slice(1)
      .map((name) => `${name} = v.${name}`)
      .join(", ")} FROM ${rows} AS v (${names.join(", ")}) WHERE t.${key} = v.${key}`,
    delete: `DELETE FROM ${quoted(table)} AS t USING ${rows} AS v (${key}) WHERE t.${key} = v.${key}`,
  };
  return {
    text: texts[op],
    values: chosen.map((_, at) => group.map(({ values }) => values[at])),
    table,
    rowCount: group.length,
  };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
