interface Waiting {
  readonly messageId: number;
  isSettled: boolean;
}

/** PUBACKs of one connection: each waits until its message is settled, and leaves in the order of arrival (MQTT 5, 4.6). */
export class Pubacks {
  readonly #waiting: Waiting[] = [];
  readonly #write: (bytes: Buffer) => void;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  /** How to settle the message that has just come. */
  wait(messageId: number): () => void {
    const waiting = { messageId, isSettled: false };
    this.#waiting.push(waiting);
    return () => {
      waiting.isSettled = true;
      const settled: number[] = [];
      while (this.#waiting[0]?.isSettled) settled.push(this.#waiting.shift()?.messageId ?? 0);
      if (settled.length > 0) this.#write(Buffer.concat(settled.map(puback)));
    };
  }
}

/** 0x40, the remaining length, the packet's number; without a reason code it is success (MQTT 5, 3.4.2.1). */
function puback(messageId: number): Buffer {
  return Buffer.from([0x40, 2, messageId >> 8, messageId & 0xff]);
}
