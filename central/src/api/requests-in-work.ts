/** Requests of a kind that are being answered, together and of one client; what comes beyond is told to come again. */
export const REQUESTS_MAX = 512;
export const REQUESTS_PER_CLIENT_MAX = 128;

/** Counts the requests in work, so that one client cannot take all of central's time. */
export class RequestsInWork {
  readonly #byClient = new Map<string, number>();
  #count = 0;

  /** Undefined where there is no room; else called once when the request is done. */
  begin(client: string): (() => void) | undefined {
    const ofClient = this.#byClient.get(client) ?? 0;
    if (this.#count >= REQUESTS_MAX || ofClient >= REQUESTS_PER_CLIENT_MAX) return undefined;
    this.#count += 1;
    this.#byClient.set(client, ofClient + 1);
    return () => {
      this.#count -= 1;
      const left = (this.#byClient.get(client) ?? 1) - 1;
      if (left === 0) this.#byClient.delete(client);
      else this.#byClient.set(client, left);
    };
  }
}
