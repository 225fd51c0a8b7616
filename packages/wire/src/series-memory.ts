import type { Labels } from "@millrace/stream";
import type { ByteReader } from "./byte-reader.ts";

/** How a section of a pane batch begins. */
export interface SectionHeading {
  readonly metric: string;
  readonly paneMs: number;
  readonly series: readonly Labels[];
}

/** What is longer is read anew each time: central keeps one memory a connection. */
const BYTES_MAX = 32_768;

/**
 * What one writer's last batch said of its texts and series. The next one mostly says the same, and what is the same to the byte
 * is neither read nor made again. The objects are the same ones, so that what is derived from them can be kept as well.
 */
export class SeriesMemory {
  #texts: Remembered<readonly string[]> | null = null;
  /** By section; they point into those texts. */
  #headings: Remembered<SectionHeading>[] = [];
  #bytes = 0;

  texts(reader: ByteReader, read: (reader: ByteReader) => readonly string[]): readonly string[] {
    if (this.#texts !== null && reader.skip(this.#texts.bytes)) return this.#texts.value;
    this.#texts = null;
    this.#headings = [];
    this.#bytes = 0;
    const from = reader.position;
    const value = read(reader);
    const bytes = this.#bytesSince(reader, from);
    if (bytes !== null) this.#texts = { bytes, value };
    return value;
  }

  heading(reader: ByteReader, section: number, read: () => SectionHeading): SectionHeading {
    const known = this.#headings[section];
    if (known !== undefined && reader.skip(known.bytes)) return known.value;
    for (const { bytes } of this.#headings.splice(section)) this.#bytes -= bytes.byteLength;
    const from = reader.position;
    const value = read();
    if (this.#texts === null || this.#headings.length < section) return value;
    const bytes = this.#bytesSince(reader, from);
    if (bytes !== null) this.#headings.push({ bytes, value });
    return value;
  }

  /** Null where they are not to be kept. */
  #bytesSince(reader: ByteReader, from: number): DataView | null {
    const length = reader.position - from;
    if (reader.fault !== undefined || this.#bytes + length > BYTES_MAX) return null;
    this.#bytes += length;
    return reader.since(from);
  }
}

interface Remembered<T> {
  /** As they stand in the batch. */
  readonly bytes: DataView;
  readonly value: T;
}
