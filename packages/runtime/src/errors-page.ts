import { ERROR_TABLE, type ErrorRow } from "./error-table.ts";

/** docs/errors.md, one section per code; `generate/pages.ts` writes it. */
export function errorsPage(): string {
  const rows: [string, ErrorRow][] = Object.entries(ERROR_TABLE);
  return [INTRODUCTION, ...rows.map(([code, row]) => section(code, row))].join("\n");
}

const INTRODUCTION = `# Errors

Every operating error of Millrace has a code from one table, \`packages/runtime/src/error-table.ts\`, from which this page
is generated. Programs print message, way out and code, without a stack, and exit with the code's exit code: 1 failure,
2 wrong use or configuration. *Who can change it*: \`user\` the person who configured it, \`external\` the world around the
program, \`internal\` the program itself. Bad data is never an error: it is counted by reason in the ledger.
`;

function section(code: string, row: ErrorRow): string {
  const retry =
    row.retry === "later" ? "the same attempt may succeed later" : "trying again without a change is no use";
  return `## ${code}

${row.meaning}

- Message: \`${row.message.replaceAll("\n", " ↵ ")}\`
- Way out: ${row.wayOut.replaceAll(/\{(\w+)\}/g, "`{$1}`")}
- Who can change it: ${row.domain}; ${retry}; exit code ${row.exitCode}
`;
}
