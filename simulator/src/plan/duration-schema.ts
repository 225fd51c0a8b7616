import { parseDuration } from "@millrace/runtime";
import { z } from "zod";

/** `30s`, `250ms`, `2m`: in ms. */
export const duration = z.string({ error: ({ input }) => noDuration(input) }).transform((text, context) => {
  const ms = parseDuration(text);
  if (ms === undefined) context.addIssue({ code: "custom", message: noDuration(text) });
  return ms ?? 0;
});

function noDuration(value: unknown): string {
  if (value === undefined) return "missing; it must be a duration like 30s, 250ms or 2m";
  return `${JSON.stringify(value)} is no duration; write it like 30s, 250ms or 2m`;
}
