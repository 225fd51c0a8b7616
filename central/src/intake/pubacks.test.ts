// PUBACKs leave in the order in which their messages came, each once its message is settled.
import { expect, test } from "vitest";
import { Pubacks } from "./pubacks.ts";

test("one that is settled waits for those before it, and leaves with them", () => {
  const written: string[] = [];
  const pubacks = new Pubacks((bytes) => void written.push(bytes.toString("hex")));
  const settle = [1, 2, 0x1234, 4].map((id) => pubacks.wait(id));
  settle[2]();
  settle[1]();
  expect(written).toEqual([]);
  settle[0]();
  expect(written).toEqual(["400200014002000240021234"]);
  settle[3]();
  expect(written.at(-1)).toBe("40020004");
});
