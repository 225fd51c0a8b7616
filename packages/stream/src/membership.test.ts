// Who is expected behind which time.
import { expect, test } from "vitest";
import { Membership } from "./membership.ts";

const names = (membership: Membership, startMs: number, endMs: number, site?: string) =>
  membership.expected(startMs, endMs, site).map(({ agent }) => agent);

test("agents are expected from when they joined until they left", () => {
  const membership = new Membership();
  membership.join("b", "beta", 0);
  membership.join("a", "alpha", 100);
  expect(membership.join("a", "alpha", 200)).toBe(false);
  expect(names(membership, 0, 100)).toEqual(["b"]);
  expect(names(membership, 0, 101)).toEqual(["a", "b"]);
  expect(names(membership, 0, 101, "beta")).toEqual(["b"]);
  expect(membership.retire("b", 150)).toBe(true);
  expect(membership.retire("b", 170)).toBe(false);
  expect(names(membership, 149, 200)).toEqual(["a", "b"]);
  expect(names(membership, 150, 200)).toEqual(["a"]);
  membership.join("b", "beta", 300);
  expect(names(membership, 0, 400)).toEqual(["a", "b", "b"]);
});

test("an agent that moves is expected at each site in its time", () => {
  const membership = new Membership();
  membership.join("a", "alpha", 0);
  membership.join("a", "beta", 100);
  const again = new Membership(membership.export());
  expect(names(again, 0, 100, "beta")).toEqual([]);
  expect(names(again, 100, 200, "alpha")).toEqual([]);
  expect(again.siteOf("a")).toBe("beta");
});

test("a stay that began ahead of the time is taken back to when it can have begun; others are left", () => {
  const membership = new Membership();
  membership.join("a", "alpha", 100);
  membership.join("b", "beta", 9_000);
  membership.join("c", "gamma", 9_000);
  membership.retire("c", 9_500);
  expect(membership.correct(9_000, 200)).toEqual([]);
  expect(membership.correct(300, 200)).toEqual(["b", "c"]);
  expect(names(membership, 100, 200)).toEqual(["a"]);
  expect(names(membership, 200, 300)).toEqual(["a", "b"]);
  expect(membership.staysOf("c")).toEqual([{ agent: "c", site: "gamma", joinedMs: 200, leftMs: 200 }]);
});

test("an agent that was there before it was enrolled belongs from then on, and no stay becomes shorter", () => {
  const membership = new Membership();
  membership.join("a", "alpha", 100);
  expect(membership.wasThere("a", "beta", 50)).toBe(false);
  expect(membership.wasThere("b", "alpha", 50)).toBe(false);
  expect(membership.wasThere("a", "alpha", 150)).toBe(false);
  expect(membership.wasThere("a", "alpha", 50)).toBe(true);
  expect([names(membership, 0, 51), names(membership, 0, 50)]).toEqual([["a"], []]);
});

test("an agent that was there between two stays belongs from then on, not before it had left", () => {
  const membership = new Membership();
  membership.join("a", "alpha", 100);
  membership.retire("a", 200);
  expect(membership.wasThere("a", "alpha", 250)).toBe(false);
  membership.join("a", "alpha", 300);
  expect(membership.wasThere("a", "alpha", 150)).toBe(false);
  expect(membership.wasThere("a", "alpha", 250)).toBe(true);
  expect(names(membership, 200, 250)).toEqual([]);
  expect(names(membership, 250, 300)).toEqual(["a"]);
  membership.join("a", "beta", 400);
  expect(membership.wasThere("a", "alpha", 50)).toBe(true);
  expect(names(membership, 50, 60)).toEqual(["a"]);
});
