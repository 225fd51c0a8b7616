import { z } from "zod";

const commandSchema = z.object({
  id: z.string().min(1).max(256),
  command: z.string().max(64),
  validUntil: z.number(),
});

export type CommandWord = "stop" | "start";

/** What the plant makes of a command's JSON. Bad data is a value. */
export type Command =
  | { readonly outcome: CommandWord; readonly id: string }
  | { readonly outcome: "expired"; readonly id: string }
  | { readonly outcome: "malformed"; readonly id: string };

/** `{"id":"…","command":"STOP","validUntil":<ms>}`, or "START": a machine does not obey a command after its time. */
export function parseCommand(payload: string, nowMs: number): Command {
  let parsed;
  try {
    parsed = commandSchema.safeParse(JSON.parse(payload)).data;
  } catch {
    parsed = undefined;
  }
  const word = parsed?.command.toLowerCase();
  if (parsed === undefined || (word !== "stop" && word !== "start"))
    return { outcome: "malformed", id: parsed?.id ?? "" };
  return { outcome: nowMs > parsed.validUntil ? "expired" : word, id: parsed.id };
}
