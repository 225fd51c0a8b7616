// Labels of any script and name become labels that Prometheus takes, and stay apart.
import { expect, test } from "vitest";
import { labelNames } from "./label-names.ts";

test.each([
  [
    ["site", "line_2"],
    ["site", "line_2"],
  ],
  [
    ["window", "bound"],
    ["label_window", "label_bound"],
  ],
  [["地区"], ["label_"]],
  [
    ["地区", "城市"],
    ["label_", "label__2"],
  ],
  [
    ["région", "r_gion"],
    ["r_gion", "r_gion_2"],
  ],
  [["__name__"], ["label_name__"]],
])("%j", (by, names) => {
  expect(labelNames(by)).toEqual(names);
});
