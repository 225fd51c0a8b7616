import path from "node:path";
import { z } from "zod";
import { ConfigReader } from "../../packages/config/src/config-reader.ts";
import { takes } from "../../packages/config/src/schema-types.ts";

const text = () => takes(z.string().min(1), "text");

const schema = z.strictObject({
  mutations: z
    .array(
      z.strictObject({
        bug: text().describe("What is wrong, as a sentence."),
        file: text().describe("Where it is planted."),
        find: text(),
        replace: takes(z.string(), "text"),
        in: text().describe("File of the test."),
        test: text().describe("Name of the test that must fail."),
      }),
    )
    .min(1),
});

export type Mutation = z.output<typeof schema>["mutations"][number];

/** Throws a `ConfigError` with file:line:column of everything that is wrong. */
export function loadMutations(): readonly Mutation[] {
  const reader = new ConfigReader(path.join(import.meta.dirname, "mutations.yaml"), { env: {} });
  return reader.parse(schema, reader.source.toValue())?.mutations ?? reader.refuse();
}
