/** Text that anybody may have sent, as a terminal can show it: without control and format characters, cut to a length. */
export function plainText(text: string, lengthMax = 200): string {
  const plain = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "·");
  return plain.length <= lengthMax ? plain : `${plain.slice(0, lengthMax)}…`;
}
