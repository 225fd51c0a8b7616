export interface BytesInHandOptions<Client> {
  /** Of all clients together: from then on only those are read that have nothing in hand. */
  readonly bytesMax: number;
  /** Of one client: it is not read on until some of it is done with. */
  readonly bytesPerClientMax: number;
  /** To be called for a client that may be read on. */
  readonly onRoom: (client: Client) => void;
}

interface Own {
  /** Of a great packet that is coming in. */
  begunBytes: number;
  /** Of messages that are not durable or not delivered yet. */
  heldBytes: number;
}

/**
 * The bytes of messages that are in memory on their way through the broker: great packets that are coming in, counted in full from
 * their beginning, and what waits for the disk or for subscribers. There is an end to them: clients wait for one another.
 */
export class BytesInHand<Client extends object> {
  readonly #options: BytesInHandOptions<Client>;
  readonly #own = new Map<Client, Own>();
  /** Clients whose great packet has no room yet, with its bytes, first come, first served. */
  readonly #waiting = new Map<Client, number>();
  /** Clients that are not read because all together have too much. */
  readonly #stopped = new Set<Client>();
  #bytes = 0;

  constructor(options: BytesInHandOptions<Client>) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A great packet may come in. False: not before `onRoom`. */
  begin(client: Client, bytes: number): boolean {
    if (!this.#hasRoomFor(bytes)) {
      // Asked again, it keeps its place.
      this.#waiting.set(client, bytes);
      return false;
    }
    this.#waiting.delete(client);
    this.#ownOf(client).begunBytes += bytes;
    this.#bytes += bytes;
    return true;
  }

  /** It is whole, and from now on held by whoever handles it. */
  end(client: Client): void {
    const own = this.#ownOf(client);
    const bytes = own.begunBytes;
    own.begunBytes = 0;
    this.#free(bytes);
  }

  hold(client: Client, bytes: number): void {
    this.#ownOf(client).heldBytes += bytes;
    this.#bytes += bytes;
  }

  release(client: Client, bytes: number): void {
    const own = this.#own.get(client);
    // Of a client that is gone all has been released.
    if (own === undefined) return;
    own.heldBytes -= bytes;
    this.#free(bytes);
    this.#options.onRoom(client);
  }

  /** The client is not to be read before `onRoom`. */
  mustWait(client: Client): boolean {
    const { bytesMax, bytesPerClientMax } = this.#options;
    const heldBytes = this.#own.get(client)?.heldBytes ?? 0;
    const isStopped = heldBytes > 0 && this.#bytes >= bytesMax;
    if (isStopped) this.#stopped.add(client);
    return isStopped || heldBytes >= bytesPerClientMax;
  }

  /** The client is gone. */
  remove(client: Client): void {
    const { begunBytes, heldBytes } = this.#ownOf(client);
    this.#own.delete(client);
    this.#waiting.delete(client);
    this.#stopped.delete(client);
    this.#free(begunBytes + heldBytes);
  }

  #ownOf(client: Client): Own {
    let own = this.#own.get(client);
    if (own === undefined) {
      own = { begunBytes: 0, heldBytes: 0 };
      this.#own.set(client, own);
    }
    return own;
  }

  /** One alone always has. */
  #hasRoomFor(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#options.bytesMax;
  }

  #free(bytes: number): void {
    const { bytesMax, onRoom } = this.#options;
    const wasFull = this.#bytes >= bytesMax;
    this.#bytes -= bytes;
    for (const [client, wanted] of this.#waiting) {
      if (!this.#hasRoomFor(wanted)) break;
      this.#waiting.delete(client);
      onRoom(client);
    }
    if (!wasFull || this.#bytes >= bytesMax) return;
    const stopped = [...this.#stopped];
    this.#stopped.clear();
    for (const client of stopped) onRoom(client);
  }
}
