// A status is told until an echo shows that central has it, then not until it changes.
import { expect, test } from "vitest";
import { ToldStatus } from "./told-status.ts";

test("each heartbeat tells it until one of them is echoed", () => {
  const told = new ToldStatus();
  expect(told.of({ series: 1 }, 1)).toEqual({ series: 1 });
  expect(told.of({ series: 1 }, 2)).toEqual({ series: 1 });
  told.echoed(2);
  expect(told.of({ series: 1 }, 3)).toBeUndefined();
});

test("one that has changed is told again, and an echo of an earlier heartbeat says nothing of it", () => {
  const told = new ToldStatus();
  told.of({ series: 1 }, 1);
  told.echoed(1);
  expect(told.of({ series: 2 }, 2)).toEqual({ series: 2 });
  told.echoed(1);
  expect(told.of({ series: 2 }, 3)).toEqual({ series: 2 });
  told.echoed(3);
  expect(told.of({ series: 2 }, 4)).toBeUndefined();
  expect(told.of({ series: 1 }, 5)).toEqual({ series: 1 });
});
