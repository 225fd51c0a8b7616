export type Environment = Readonly<Record<string, string | undefined>>;

export interface Substitution {
  readonly text: string;
  /** Variables that are not set and have no default. */
  readonly missing: readonly string[];
}

/** `$${` stands for a literal `${`. */
const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** Replaces `${NAME}` and `${NAME:-default}`; as in a shell, the default also stands for an empty variable. */
export function substituteEnvironment(text: string, environment: Environment): Substitution {
  const missing: string[] = [];
  const replaced = text.replaceAll(REFERENCE, (whole, name?: string, fallback?: string) => {
    if (name === undefined) return "${";
    const value = environment[name];
    if (value !== undefined && (value !== "" || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    missing.push(name);
    return whole;
  });
  return { text: replaced, missing };
}
