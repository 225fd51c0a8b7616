const STRANGER_EVERY = 100;
const HISTORY_MS = 86_400_000;

export const TRANSFER_PARTITIONS = 4;

export interface TransferText {
  readonly partition: number;
  readonly value: Uint8Array;
}

const encoder = new TextEncoder();

/**
 * The payment of each account, one after the other, to one whom it knows; each hundredth goes to a stranger. The history is one
 * payment of each over the day before.
 */
export function transferTexts(
  from: number,
  count: number,
  {
    accounts,
    timeMs,
    isHistory,
  }: { readonly accounts: number; readonly timeMs: number; readonly isHistory: boolean },
): TransferText[] {
  const now = new Date(timeMs).toISOString();
  return Array.from({ length: count }, (_, at) => {
    const number = from + at;
    const place = Math.floor((number / accounts) * HISTORY_MS);
    const time = isHistory ? new Date(timeMs - HISTORY_MS + place).toISOString() : now;
    // A step that has no divisor in common with a number of accounts that is round: all take their turn.
    const account = isHistory ? number : (number * 7_919) % accounts;
    const isStranger = !isHistory && number % STRANGER_EVERY === 0;
    const payee = isStranger ? `s${number}` : `k${account}`;
    return transferText(`${isHistory ? "h" : "t"}${number}`, account, payee, time);
  });
}

/** An account that pays ten strangers, all at once; `number` tells rings apart. */
export function ringTexts(number: number, timeMs: number, accounts: number): TransferText[] {
  const time = new Date(timeMs).toISOString();
  const account = accounts + number;
  return Array.from({ length: 10 }, (_, at) =>
    transferText(`r${number}-${at}`, account, `r${number}-${at}`, time),
  );
}

function transferText(id: string, account: number, payee: string, time: string): TransferText {
  const text = `{"transfer_id":"${id}","time":"${time}","from":"a${account}","to":"${payee}","amount":12.5}`;
  return { partition: account % TRANSFER_PARTITIONS, value: encoder.encode(text) };
}
