/** Digits behind, or zeros before, the point of what a database has at most. */
const SCALE_MAX = 20_000;
/** Base64 of more than any numeric column holds would take its time. */
const LENGTH_MAX = 20_000;

/**
 * The decimal in `org.apache.kafka.connect.data.Decimal`'s bytes: base64 of the unscaled value, big-endian two's complement,
 * with so many digits behind the point. Undefined where it is none, or not as Java's encoder writes it, with its padding: a text such as
 * "27" is no bytes.
 */
export function decimalText(base64: string, scale: number): string | undefined {
  if (base64.length === 0 || base64.length > LENGTH_MAX) return undefined;
  if (!Number.isInteger(scale) || Math.abs(scale) > SCALE_MAX) return undefined;
  let bytes: string;
  try {
    bytes = atob(base64);
  } catch {
    return undefined;
  }
  if (bytes.length === 0 || btoa(bytes) !== base64) return undefined;
  let hex = "";
  for (let at = 0; at < bytes.length; at += 1) hex += bytes.charCodeAt(at).toString(16).padStart(2, "0");
  const unscaled = BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`));
  const sign = unscaled < 0n ? "-" : "";
  const digits = String(unscaled < 0n ? -unscaled : unscaled);
  if (scale <= 0) return `${sign}${digits}${digits === "0" ? "" : "0".repeat(-scale)}`;
  const padded = digits.padStart(scale + 1, "0");
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}
