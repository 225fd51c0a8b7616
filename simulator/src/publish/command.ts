import { z } from "zod";

const commandSchema = z.object({
  id: z.string().min(1).max(256),
  command: z.string().max(64),
  validUntil: z.number(),
});

/** What the plant makes of a command's JSON. Bad data is a value. */
export type Command =
  | { readonly outcome: "stop"; readonly id: string }
  | { readonly outcome: "expired"; readonly id: string }
  | { readonly outcome: "malformed"; readonly id: string };

/** `{"id":"…","command":"STOP","validUntil":<ms>}`: a machine does not obey a command after its time. */
export function parseCommand(payload: string, nowMs: number): Command {
  let parsed;
  try {
    parsed = commandSchema.safeParse(JSON.parse(payload)).data;
  } catch {
    parsed = undefined;
  }
  if (parsed === undefined || parsed.command.toUpperCase() !== "STOP")
    return { outcome: "malformed", id: parsed?.id ?? "" };
  return { outcome: nowMs > parsed.validUntil ? "expired" : "stop", id: parsed.id };
}
