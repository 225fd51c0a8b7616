const CENTS = Array.from({ length: 100 }, (_, cents) =>
  cents === 0 ? "" : cents % 10 === 0 ? `.${cents / 10}` : `.${cents < 10 ? "0" : ""}${cents}`,
);

/** Whole cents as a JSON number, as `JSON.stringify(cents / 100)` writes it. */
export function centsText(cents: number): string {
  const whole = Math.floor(cents / 100);
  return `${whole}${CENTS[cents - whole * 100]}`;
}
