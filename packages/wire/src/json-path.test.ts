// JSON paths, as people write them in the pipeline file.
import { expect, test } from "vitest";
import { parseJsonPath } from "./json-path.ts";

test("paths", () => {
  expect(parseJsonPath("$")).toEqual([]);
  expect(parseJsonPath('$.a.b-c[0]["x y"].温')).toEqual(["a", "b-c", 0, "x y", "温"]);
  for (const text of ["", "a", "$a", "$.", "$..a", "$[x]", "$.a[", "$[-1]", "$[*]"])
    expect(parseJsonPath(text)).toBeUndefined();
});
