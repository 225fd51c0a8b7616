/** Why something cannot be as it is of a stream. */
export function ofTable(stream: string): string {
  return `records ${stream} are changes of a table (debezium in central.yaml)`;
}
