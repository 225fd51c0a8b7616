import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { parseDownTopic, parseUpTopic } from "@millrace/wire";

/** QoS 0, neither retained nor doubled: what both sides of an uplink publish. */
const PUBLISH = 0x30;

/** The link between an agent and central, with an ear on what both publish. */
export class UplinkTap {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async start(target: number, heard: (name: string, payload: Uint8Array) => void): Promise<UplinkTap> {
    const tap = new UplinkTap(target, heard);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    tap.#server.once("error", reject);
    tap.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return tap;
  }

  private constructor(target: number, heard: (name: string, payload: Uint8Array) => void) {
    this.#server = createServer((near) => {
      const far = connect({ host: "127.0.0.1", port: target });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ]) {
        let rest: Buffer = Buffer.alloc(0);
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on("data", (chunk: Buffer) => {
          to.write(chunk);
          rest = hear(Buffer.concat([rest, chunk]), heard);
        });
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
      }
    });
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("invariant: the tap listens");
    return address.port;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** MQTT 3.1.1, §2.2: a byte of kind and flags, the length in groups of seven bits, then for PUBLISH the topic and the payload. */
function hear(bytes: Buffer, heard: (name: string, payload: Uint8Array) => void): Buffer {
  for (let from = 0; ;) {
    let length = 0;
    let at = from + 1;
    for (let shift = 0; ; shift += 7, at += 1) {
      if (at >= bytes.length) return bytes.subarray(from);
      length += (bytes[at] & 127) << shift;
      if (bytes[at] < 128) break;
    }
    const end = at + 1 + length;
    if (end > bytes.length) return bytes.subarray(from);
    if (bytes[from] === PUBLISH) {
      const topicEnd = at + 3 + bytes.readUInt16BE(at + 1);
      const topic = bytes.toString("utf8", at + 3, topicEnd);
      const name = (parseUpTopic(topic) ?? parseDownTopic(topic))?.name;
      if (name !== undefined) heard(name, bytes.subarray(topicEnd, end));
    }
    from = end;
  }
}
