import { parseDuration } from "@millrace/runtime";
import { z } from "zod";

/** `30s`, `250ms`, `2m`: in ms. */
export const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms === undefined)
    context.addIssue({ code: "custom", message: `"${text}" is no duration; write it like 30s, 250ms or 2m` });
  return ms ?? 0;
});
