/** Reads a stream of server-sent events: each one's data. */
export class EventReader {
  readonly #abort = new AbortController();

  /** Resolves once the stream has begun. */
  static async open(url: string, heard: (data: string) => void): Promise<EventReader> {
    const reader = new EventReader();
    const response = await fetch(url, { signal: reader.#abort.signal });
    if (!response.ok || response.body === null) throw new Error(`cannot read ${url}: ${response.status}`);
    void reader.#read(response.body, heard).catch(() => undefined);
    return reader;
  }

  private constructor() {}

  close(): void {
    this.#abort.abort();
  }

  async #read(body: ReadableStream<Uint8Array>, heard: (data: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    let parts: string[] = [];
    for await (const chunk of body) {
      const text = decoder.decode(chunk, { stream: true });
      parts.push(text);
      if (!text.includes("\n\n") && !text.startsWith("\n")) continue;
      const events = parts.join("").split("\n\n");
      parts = [events.pop() ?? ""];
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined) heard(data);
      }
    }
  }
}
