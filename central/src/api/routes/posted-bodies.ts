import type { Readable } from "node:stream";
import { Transform } from "node:stream";
import { createGunzip } from "node:zlib";
import type { FastifyReply } from "fastify";
import { ProblemError } from "../problem.ts";

/** Bodies that are being read, or wait for their commit, together. */
const BODIES_BYTES_MAX = 64 * 1024 * 1024;

interface PostedBodiesOptions {
  /** What a body is refused with while there is no room for more of it. */
  readonly busy: (reply: FastifyReply) => ProblemError;
}

/**
 * Bodies of posts as they come, unpacked. Together they are bounded, by what has come and not by what is announced: who sends slowly,
 * or does not say how much, takes no room of others.
 */
export class PostedBodies {
  readonly #options: PostedBodiesOptions;
  #bytes = 0;

  constructor(options: PostedBodiesOptions) {
    this.#options = options;
  }

  /** Throws where this is an encoding that is not read; to be asked before the body is. */
  static requireEncoding(encoding: string | undefined): void {
    if (encoding === undefined || encoding.toLowerCase() === "identity" || isGzip(encoding)) return;
    throw new ProblemError("unsupported", `bodies in ${encoding} are not read; send them plain, or in gzip`);
  }

  /** @returns a body that is read on only while there is room for it, until it is answered */
  read(payload: Readable, encoding: string | undefined, reply: FastifyReply): PostedBody {
    let bytes = 0;
    const room = new Transform({
      transform: (chunk: Uint8Array, _encoding, done) => {
        const isFull = this.#bytes > bytes && this.#bytes + chunk.length > BODIES_BYTES_MAX;
        if (isFull) return done(this.#options.busy(reply));
        bytes += chunk.length;
        this.#bytes += chunk.length;
        done(null, chunk);
      },
    });
    const body: PostedBody = Object.assign(room, { receivedEncodedLength: 0 });
    payload.on("data", (chunk: Uint8Array) => (body.receivedEncodedLength += chunk.length));
    payload.once("error", (error) => room.destroy(error));
    const gunzip = isGzip(encoding) ? createGunzip() : null;
    gunzip?.once("error", () =>
      room.destroy(new ProblemError("bad_request", "the body is not gzip, or not all of it")),
    );
    reply.raw.once("close", () => {
      gunzip?.destroy();
      room.destroy();
      this.#bytes -= bytes;
    });
    (gunzip === null ? payload : payload.pipe(gunzip)).pipe(room);
    return body;
  }
}

/** With what Fastify compares with the length that was announced: bytes as they were sent. */
type PostedBody = Transform & { receivedEncodedLength: number };

function isGzip(encoding: string | undefined): boolean {
  return encoding?.toLowerCase() === "gzip";
}
