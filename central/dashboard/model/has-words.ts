/** Whether every word that is sought stands somewhere in `text`, in capitals or not. Nothing sought is everywhere. */
export function hasWords(text: string, sought: string): boolean {
  const lowered = text.toLowerCase();
  return sought
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lowered.includes(word));
}
