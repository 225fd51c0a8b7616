import type { WriteStream } from "node:tty";
import { StatusLine } from "../progress/status-line.ts";

/** Null: it is no terminal. */
export function statusLineOf(stream: WriteStream): StatusLine | null {
  if (!stream.isTTY) return null;
  return new StatusLine({ write: (text) => void stream.write(text), columns: () => stream.columns });
}
