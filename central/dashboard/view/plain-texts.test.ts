// What strangers call their machines is shown as it is written, and turns no writing round.
import { createElement } from "preact";
import { expect, test } from "vitest";
import { showPlainTexts } from "./plain-texts.ts";

test("texts and hints lose their bidi marks and control characters, and nothing else is touched", () => {
  showPlainTexts();
  const said = "l\u202eevil \u009b31mp";
  const element = createElement("b", { title: said, "data-testid": said, class: "x" });
  expect(element.props).toEqual({ title: "l·evil ·31mp", "data-testid": said, class: "x" });
  const component = () => null;
  expect(createElement(component, { title: said }).props).toEqual({ title: said });
});
