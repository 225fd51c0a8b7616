/**
 * Least-squares slope of y over x, and its standard error. The error takes neighbours for alike: it is that of the means of
 * ten stretches, so that a slow wave does not pass for a trend.
 */
export function slope(points: readonly { readonly x: number; readonly y: number }[]): {
  readonly perUnit: number;
  readonly error: number;
} {
  const stretches = 10;
  const means = Array.from({ length: stretches }, (_, index) => {
    const from = Math.floor((index * points.length) / stretches);
    const part = points.slice(from, Math.floor(((index + 1) * points.length) / stretches));
    return { x: mean(part.map(({ x }) => x)), y: mean(part.map(({ y }) => y)) };
  });
  const [x, y] = [mean(means.map((point) => point.x)), mean(means.map((point) => point.y))];
  const spread = sum(means.map((point) => (point.x - x) ** 2));
  const perUnit = sum(means.map((point) => (point.x - x) * (point.y - y))) / spread;
  const rest = sum(means.map((point) => (point.y - y - perUnit * (point.x - x)) ** 2));
  return { perUnit, error: Math.sqrt(rest / (stretches - 2) / spread) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
