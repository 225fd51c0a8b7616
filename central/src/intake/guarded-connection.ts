import { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { PacketSizeGuard } from "@millrace/wire";
import type { UpTopic } from "@millrace/wire";
import { AgentPublishes } from "./agent-publishes.ts";

/**
 * What the broker has of a socket. It is destroyed as soon as an MQTT frame larger than allowed begins; what need not be brokered is taken
 * out. Bears back pressure both ways.
 */
export class GuardedConnection extends Duplex {
  readonly #socket: Socket;
  readonly #guard: PacketSizeGuard;
  /** What of it is taken past the broker. */
  readonly publishes = new AgentPublishes<UpTopic>((bytes) => {
    if (!this.push(bytes)) this.#socket.pause();
  });

  constructor(socket: Socket, frameBytesMax: number, onRefused: (bytes: Uint8Array) => void) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#guard = new PacketSizeGuard(frameBytesMax);
    socket.on("data", (chunk: Buffer) => {
      if (!this.#guard.accepts(chunk)) {
        onRefused(chunk);
        this.destroy(new Error(`an MQTT frame is larger than ${frameBytesMax} bytes`));
      } else {
        this.publishes.read(chunk);
      }
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  get socket(): Socket {
    return this.#socket;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket.destroyed) done(new Error("the connection is closed"));
    else this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
