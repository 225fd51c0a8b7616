const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The JSON object that these bytes are, or why they are none. Whole numbers that a double does not hold become bigints, unless
 * they may be rounded, which is several times as fast.
 */
export function parseJsonObject(
  bytes: Uint8Array,
  { mayRound = false } = {},
): Readonly<Record<string, unknown>> | string {
  try {
    const text = UTF8.decode(bytes);
    const root: unknown = mayRound ? JSON.parse(text) : parsed(text);
    return isObject(root) ? root : "no JSON object";
  } catch (error) {
    return error instanceof TypeError ? "not UTF-8" : "not JSON";
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Ids of 64 bits keep their digits. */
function parsed(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== "number" || !Number.isInteger(value) || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? "";
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}
