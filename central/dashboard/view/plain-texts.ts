import { plainText } from "@millrace/runtime/plain-text";
import { options } from "preact";

/** Longer than any text of the page itself. */
const TEXT_LENGTH_MAX = 1_000;
const SHOWN_ATTRIBUTES = ["title", "aria-label"];

/**
 * From here on no text of the page, whoever has sent it, holds marks that turn the direction of writing, nor characters that
 * nobody sees: a label must not pose as another. Here and not where frames come in, so that names that only look alike stay two.
 */
export function showPlainTexts(): void {
  const before = options.vnode;
  options.vnode = (vnode) => {
    // A text's own vnode has it in place of its properties.
    const props: unknown = vnode.props;
    if (typeof props === "string") Object.assign(vnode, { props: plainText(props, TEXT_LENGTH_MAX) });
    else if (typeof vnode.type === "string" && typeof props === "object" && props !== null) makePlain(props);
    before?.(vnode);
  };
}

function makePlain(props: object): void {
  for (const name of SHOWN_ATTRIBUTES) {
    const text: unknown = Object.getOwnPropertyDescriptor(props, name)?.value;
    if (typeof text === "string") Object.assign(props, { [name]: plainText(text, TEXT_LENGTH_MAX) });
  }
}
