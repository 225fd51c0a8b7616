const DUPLICATE_EVERY = 50;
const REGIONS = ["北京", "上海", "广州", "深圳"];
const CATEGORIES = ["phones", "clothes", "food"];

/** Event time of the first; one follows each millisecond. */
export const ORDERS_START_MS = Date.UTC(2023, 9, 11, 4);

/** Orders as JSON, by the wall clock of Shanghai to the second; each 50th is one of those before it once more. */
export function orderTexts(from: number, count: number): Uint8Array[] {
  const encoder = new TextEncoder();
  return Array.from({ length: count }, (_, at) => {
    const { number, region, amount, isFailed } = orderOf(from + at);
    const time = new Date(ORDERS_START_MS + number + 8 * 3_600_000)
      .toISOString()
      .slice(0, 19)
      .replace("T", " ");
    const place = `"region":"${region}","category":"${CATEGORIES[number % 3]}"`;
    const payment = isFailed ? "failed" : "paid";
    return encoder.encode(
      `{"order_id":"o${1e9 + number}","time":"${time}","amount":${amount},${place},"user":"u${number % 5_000}","payment":"${payment}"}`,
    );
  });
}

export interface OrderTotals {
  count: number;
  sum: number;
}

/** What is true of the first so many, by start of the minute and region. */
export function orderTruth(count: number): Map<string, OrderTotals> {
  const minutes = new Map<string, OrderTotals>();
  for (let at = 0; at < count; at += 1) {
    const { number, region, amount } = orderOf(at);
    if (number !== at) continue;
    const timeMs = ORDERS_START_MS + number;
    const key = `${timeMs - (timeMs % 60_000)} ${region}`;
    const minute = minutes.get(key) ?? { count: 0, sum: 0 };
    minute.count += 1;
    minute.sum += amount;
    minutes.set(key, minute);
  }
  return minutes;
}

function orderOf(at: number) {
  const number = at % DUPLICATE_EVERY === DUPLICATE_EVERY - 1 ? at - 7 : at;
  return {
    number,
    region: REGIONS[number % REGIONS.length],
    amount: (number % 10_000) / 100,
    isFailed: number % 10 === 0,
  };
}
