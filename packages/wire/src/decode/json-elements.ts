import { valueAt } from "../json-path.ts";
import { decodeFailure } from "./decode-failure.ts";
import type { DecodeFailure } from "./decoded.ts";
import type { EachPath } from "./each-path.ts";
import { ELEMENTS_MAX } from "./elements-max.ts";

/** An element of the arrays, and what it stands in, innermost first. */
export interface JsonElement {
  readonly value: unknown;
  readonly around: readonly unknown[];
}

/** The elements of all arrays that the path leads to, in order, with a failure in the place of each array missing. */
export function jsonElements(root: unknown, path: EachPath): readonly (JsonElement | DecodeFailure)[] {
  const elements: (JsonElement | DecodeFailure)[] = [];
  let unreadCount = 0;
  const walk = (value: unknown, depth: number, around: readonly unknown[]): void => {
    const list = valueAt(value, path[depth]);
    if (!Array.isArray(list)) {
      if (elements.length < ELEMENTS_MAX) elements.push(decodeFailure("malformed", "no array"));
      else unreadCount += 1;
      return;
    }
    if (depth < path.length - 1) {
      for (const entry of list as readonly unknown[]) walk(entry, depth + 1, [entry, ...around]);
      return;
    }
    const readCount = Math.min(list.length, ELEMENTS_MAX - elements.length);
    for (let index = 0; index < readCount; index += 1) elements.push({ value: list[index], around });
    unreadCount += list.length - readCount;
  };
  walk(root, 0, [root]);
  if (unreadCount > 0)
    elements.push(decodeFailure("too_many", `more than ${ELEMENTS_MAX} elements`, unreadCount));
  return elements;
}
