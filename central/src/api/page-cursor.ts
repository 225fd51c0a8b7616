import { ProblemError } from "./problem.ts";

const SHOWN_LENGTH_MAX = 100;

/** As clients get it, to be given back as it is; null: there is no further page. */
export function cursorText(place: string | null): string | null {
  return place === null ? null : Buffer.from(place).toString("base64url");
}

/** The place that a cursor names; null: none is given. */
export function parseCursor(text: string | undefined, isPlace: (place: string) => boolean): string | null {
  if (text === undefined || text === "") return null;
  const place = Buffer.from(text, "base64url").toString();
  if (cursorText(place) !== text || !isPlace(place)) throw wrongCursor(text);
  return place;
}

export function wrongCursor(text: string): ProblemError {
  return new ProblemError(
    "bad_request",
    `cursor=${text.slice(0, SHOWN_LENGTH_MAX)} is not the cursor of a page of this list: give what the answer before had as its cursor, to the same query, or leave it out to begin anew`,
  );
}
