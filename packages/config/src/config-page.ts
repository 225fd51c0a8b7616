import { z } from "zod";
import { CONFIG_FILES } from "./config-files.ts";
import { asType, takesAt, unwrap } from "./schema-place.ts";

/** docs/config.md, a row per key; `generate/config-artefacts.ts` writes it. */
export function configPage(): string {
  const sections = CONFIG_FILES.map(({ name, purpose, schema }) => {
    const rows = keysOf(schema, "").map(
      ({ key, takes, absence, meaning }) => `| \`${key}\` | ${takes} | ${absence} | ${meaning} |`,
    );
    return [
      `## ${name}.yaml`,
      "",
      purpose,
      "",
      "| key | takes | without it | meaning |",
      "|---|---|---|---|",
      ...rows,
      "",
    ].join("\n");
  });
  return [INTRODUCTION, ...sections].join("\n");
}

const INTRODUCTION = `# Configuration

Generated from the schemas in \`packages/config/src\`; the JSON Schemas for editors are in \`packages/config/schema\`.
\`init\` writes commented files to begin with, \`check\` validates them.

- All files begin with \`version: 1\`. An unknown key is an error that names the nearest known one.
- \`\${NAME}\` is replaced by an environment variable, \`\${NAME:-default}\` by the default where it is unset or empty,
  \`$\${\` by \`\${\`. The result is text; where a number or true/false is needed it is read as one. Inside \`{ … }\` write
  it in quotes. Keys are never replaced.
- A secret is given itself (\`password\`) or by its file (\`passwordFile\`: the first line). Secrets never stand in messages.
- Durations have a unit (\`250ms\`, \`10s\`, \`1m\`, \`24h\`, \`7d\`), sizes may (\`64KiB\`, \`1GiB\`, \`1MB\`). Relative paths
  begin at the file's own folder.
- Every error is \`file:line:column: what is wrong; what is allowed\`, and programs exit with 2. What a file's
  keys and values are by themselves comes at once; once that is right, all that does not fit together; then the
  pipeline's, which is a file of its own. Warnings have the same form and do not stop a program.
`;

interface KeyRow {
  readonly key: string;
  readonly takes: string;
  readonly absence: string;
  readonly meaning: string;
}

function keysOf(schema: z.ZodType, prefix: string): KeyRow[] {
  const here = unwrap(schema);
  if (!(here instanceof z.ZodObject)) return [];
  return Object.entries(here.shape).flatMap(([key, value]) => {
    const child = asType(value);
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const row = {
      key: path,
      takes: takesShort(child),
      absence: absenceOf(child),
      meaning: descriptionOf(child),
    };
    return [row, ...below(child, path)];
  });
}

function below(schema: z.ZodType, path: string): KeyRow[] {
  const here = unwrap(schema);
  if (here instanceof z.ZodRecord) return keysOf(asType(here.valueType), `${path}.<name>`);
  if (here instanceof z.ZodArray) return keysOf(asType(here.element), `${path}[]`);
  return keysOf(here, path);
}

function takesShort(schema: z.ZodType): string {
  const here = unwrap(schema);
  if (here instanceof z.ZodObject && Object.keys(here.shape).length > 0) return "a map";
  if (here instanceof z.ZodArray && unwrap(asType(here.element)) instanceof z.ZodObject)
    return "a list of maps";
  return takesAt(here).replaceAll("|", "\\|");
}

function absenceOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) {
    const value: unknown = schema.def.defaultValue;
    const isEmptyMap =
      typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
    return isEmptyMap ? "defaults" : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
  }
  return schema instanceof z.ZodOptional ? "none" : "an error";
}

function descriptionOf(schema: z.ZodType): string {
  if (schema.description === undefined)
    throw new Error("invariant: every configuration key says what it means");
  return schema.description;
}
