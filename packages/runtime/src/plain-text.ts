/**
 * Text that anybody may have sent, as one line that a terminal can show: without control and format characters (escape
 * sequences, line ends, marks that turn the direction of writing), cut to a length.
 */
export function plainText(text: string, lengthMax = 200): string {
  const plain = text.slice(0, lengthMax).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "·");
  return text.length <= lengthMax ? plain : `${plain}…`;
}
