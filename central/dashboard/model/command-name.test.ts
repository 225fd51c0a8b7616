// A command is shown by its name, whatever its payload is, and never takes the page's width.
import { expect, test } from "vitest";
import { commandName } from "./command-name.ts";

test("the name of an action's payload, any other payload as it is, cut short", () => {
  expect(commandName('{"command":"STOP","id":"overheating-1.1","validUntil":1700000000000}')).toBe("STOP");
  expect(commandName(" STOP\n")).toBe("STOP");
  expect(commandName('{"command":7}')).toBe('{"command":7}');
  expect(commandName("42")).toBe("42");
  expect(commandName(`{"speed":${"1".repeat(50)}}`)).toBe('{"speed":11111111111111…');
});
