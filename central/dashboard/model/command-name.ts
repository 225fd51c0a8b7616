const NAME_LENGTH_MAX = 24;

/** What a command says, in a word: the `command` of an action's JSON payload; any other payload as it is, cut short. */
export function commandName(payload: string): string {
  const name = namedCommand(payload) ?? payload.trim();
  return name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX - 1)}…` : name;
}

function namedCommand(payload: string): string | null {
  try {
    const parsed: unknown = JSON.parse(payload);
    if (typeof parsed !== "object" || parsed === null || !("command" in parsed)) return null;
    return typeof parsed.command === "string" ? parsed.command : null;
  } catch {
    return null;
  }
}
