import type { Socket } from "node:net";
import type { Clock, Timer } from "@millrace/runtime";
import { PacketSizeGuard } from "@millrace/wire";
import type { Client } from "aedes";
import type { BytesInHand } from "./bytes-in-hand.ts";
import { type DirectPublish, DirectPublishes } from "./direct-publishes.ts";
import { KeepAlive } from "./keep-alive.ts";
import { OwnBuffer } from "./own-buffer.ts";
import type { ReadingTurns } from "./reading-turns.ts";

export interface ClientReaderOptions<Topic> {
  readonly socket: Socket;
  readonly client: Client;
  readonly clock: Clock;
  readonly inHand: BytesInHand<Client>;
  readonly turns: ReadingTurns<Client>;
  /** A greater packet ends the connection. */
  readonly packetBytesMax: number;
  /** As in `DirectPublishes`. */
  topicAt(bytes: Uint8Array, from: number, to: number): Topic | undefined;
  /** False: somebody goes on looking at its payload. */
  take(publish: DirectPublish<Topic>, readAtMs: number): boolean;
  /** Nobody looks any more at what the connection was read into. */
  free(buffer: ArrayBuffer): void;
  /** Whether nothing may be read of it now; whoever says so has it read on later. */
  isUnreadable(): boolean;
  /** What has come waits; to be read on when that may be over. */
  leftUnread(): void;
  /** A packet exceeds the limit: the connection goes. */
  oversized(): void;
}

const NOTHING = Buffer.alloc(0);
/** Tells protocols apart, and of most packets their topic. */
const HEAD_BYTES = 64;
/** Of a CONNECT its protocol's name and version: a password may come behind. */
const CONNECT_HEAD_BYTES = 12;
const CONNECT = 1;
/** Of a CONNECT, with its will: it comes before anybody has logged in. */
const CONNECT_BYTES_MAX = 16 * 1024;
/** Greater packets are left for aedes: what it costs matters little beside what is in them. */
const DIRECT_BYTES_MAX = 16 * 1024;
/** A great packet has so long to arrive whole, and a second for so many bytes more: others wait for its room. */
const GREAT_PACKET_MS = 30_000;
const GREAT_PACKET_BYTES_PER_SECOND = 16 * 1024;

/** aedes reads its connections with `read()`: what it would get of this one is looked at first, and direct publishes are taken out. */
export class ClientReader<Topic> {
  readonly #options: ClientReaderOptions<Topic>;
  readonly #publishes: DirectPublishes<Topic>;
  readonly #read: (size?: number) => unknown;
  readonly #own = new OwnBuffer();
  /** Of a great packet that has begun. */
  #arrival: Timer | undefined;
  #readAtMs = 0;
  #isParsing = false;
  #isAskedAgain = false;
  #isRefused = false;
  /** What the connection began with, until it stands; then what aedes was last given. */
  #head: Uint8Array = NOTHING;

  constructor(options: ClientReaderOptions<Topic>) {
    this.#options = options;
    const { socket, packetBytesMax } = options;
    this.#publishes = new DirectPublishes({
      guard: new PacketSizeGuard(packetBytesMax, CONNECT_BYTES_MAX),
      packetBytesMax: Math.min(packetBytesMax, DIRECT_BYTES_MAX),
      begin: (bytes) => this.#begin(bytes),
      end: () => this.#end(),
      topicAt: options.topicAt,
      take: (publish) => {
        if (!options.take(publish, this.#readAtMs)) this.#own.keep();
      },
    });
    this.#read = socket.read.bind(socket);
    socket.read = (size?: number): unknown => this.#readFor(size);
    socket.once("close", () => this.#arrival?.cancel());
  }

  /** An error now is of the bytes that have come: they are being parsed, or the guard has refused them. */
  get isMalformed(): boolean {
    return this.#isParsing || this.#isRefused;
  }

  /** The first bytes of what may be malformed. */
  get head(): Uint8Array {
    const isConnect = this.#head[0] >> 4 === CONNECT;
    return isConnect ? this.#head.subarray(0, CONNECT_HEAD_BYTES) : this.#head;
  }

  /** The connection stands. 0: it needs no keep-alive. */
  open(keepAliveMs: number): void {
    const { socket, clock } = this.#options;
    this.#publishes.isOpen = true;
    if (keepAliveMs === 0) return;
    const keepAlive = new KeepAlive({
      clock,
      keepAliveMs,
      heardAtMs: () => this.#readAtMs,
      hasUnread: () => socket.readableLength > 0 || this.#publishes.isHeldBack,
      onSilent: () => void socket.destroy(new Error("keep alive timeout")),
    });
    socket.once("close", () => keepAlive.stop());
  }

  /** What the guard refuses needs no room. */
  #begin(bytes: number): boolean {
    const { socket, client, clock, inHand, packetBytesMax } = this.#options;
    if (bytes > packetBytesMax) return true;
    if (!inHand.begin(client, bytes)) return false;
    const limitMs = GREAT_PACKET_MS + (bytes / GREAT_PACKET_BYTES_PER_SECOND) * 1_000;
    this.#arrival = clock.after(limitMs, () =>
      socket.destroy(new Error("a packet takes too long to arrive")),
    );
    return true;
  }

  #end(): void {
    this.#arrival?.cancel();
    this.#options.inHand.end(this.#options.client);
  }

  /** In place of the socket's `read`. */
  #readFor(size: number | undefined): unknown {
    if (size === 0) return this.#read(0);
    const { socket, client, clock, turns, isUnreadable, leftUnread, oversized } = this.#options;
    this.#isAskedAgain = this.#isParsing;
    // What had come behind a packet that is refused is read on until the connection is closed.
    if (this.#isParsing || this.#isRefused || isUnreadable()) return null;
    const publishes = this.#publishes;
    let left = publishes.isHeldBack ? publishes.read(NOTHING) : null;
    // What has come meanwhile has been told already, and is not told again.
    if (left !== null) this.#isAskedAgain = true;
    if (left === null && !publishes.isHeldBack) {
      const waitingBytes = socket.readableLength;
      const bytes = turns.bytesFor(client, waitingBytes);
      if (bytes === 0 && waitingBytes > 0) return null;
      const chunk: unknown = this.#read(bytes === waitingBytes ? size : bytes);
      if (!Buffer.isBuffer(chunk)) return chunk;
      this.#readAtMs = clock.monotonicMs();
      if (!publishes.isOpen && this.#head.length === 0) this.#head = headOf(chunk);
      this.#own.add(chunk);
      left = publishes.read(chunk);
      if (left !== null || publishes.isHeldBack) this.#own.keep();
      this.#giveBack();
      if (left === undefined && publishes.isOpen) this.#head = headOf(chunk);
    }
    if (publishes.isHeldBack) leftUnread();
    if (left === null) return null;
    if (left !== undefined) return this.#handOver(left);
    this.#isRefused = true;
    oversized();
    socket.destroy(new Error("a packet exceeds packetBytesMax"));
    return null;
  }

  #giveBack(): void {
    const buffer = this.#own.takeDone();
    if (buffer === undefined) return;
    this.#publishes.letGo();
    this.#options.free(buffer);
  }

  /** aedes parses at once what it reads, and asks for more in the middle of it where nobody subscribes. */
  #handOver(left: Buffer): Buffer {
    this.#isParsing = true;
    if (this.#publishes.isOpen) this.#head = headOf(left);
    queueMicrotask(() => {
      this.#isParsing = false;
      if (this.#isAskedAgain) this.#options.socket.emit("readable");
    });
    return left;
  }
}

/** A copy: the whole buffer would stay in memory with a part of it. */
function headOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes.subarray(0, HEAD_BYTES));
}
