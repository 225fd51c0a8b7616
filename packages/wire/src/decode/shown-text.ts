const SHOWN_LENGTH_MAX = 64;

/** Foreign text for a message: its beginning. */
export function shownText(text: string): string {
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}
