/** Greatest event time that JavaScript's dates know, ms; beyond it a number is no time but a mistake. */
const TIME_MS_MAX = 8.64e15;

export function isTime(timeMs: number): boolean {
  return timeMs >= -TIME_MS_MAX && timeMs <= TIME_MS_MAX;
}
