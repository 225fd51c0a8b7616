/** What came of reading bytes from outside: bad data is a value, never thrown. */
export type Parsed<Message> = { readonly ok: true; readonly message: Message } | Rejected;

export interface Rejected {
  readonly ok: false;
  /** For counting: one of few. */
  readonly reason: "oversized" | "malformed";
  /** For a person: what was wrong, and where. */
  readonly detail: string;
}
