// The ledger adds in place only to totals that nobody has been given.
import { expect, test } from "vitest";
import { CentralLedger } from "./central-ledger.ts";

test("totals that were given out stay as they were, whatever is counted after", () => {
  const ledger = new CentralLedger();
  ledger.add("a", { received: 2, merged: 2 });
  ledger.add("a", { received: 1 });
  const before = ledger.totals("a");
  expect(before).toMatchObject({ received: 3, merged: 2, rejected: {} });
  ledger.add("a", { received: 1 });
  ledger.reject("a", "oversized");
  expect(ledger.takeDirty()).toEqual(["a"]);
  ledger.durable();
  const given = ledger.all().get("a");
  ledger.reject("a", "oversized");
  ledger.add("b", { batches: 1 });
  expect(before).toMatchObject({ received: 3, rejected: {} });
  expect(given).toMatchObject({ received: 4, rejected: { oversized: 1 } });
  expect(ledger.totals("a")).toMatchObject({ received: 4, merged: 2, rejected: { oversized: 2 } });
  expect(ledger.takeDirty()).toEqual(["a", "b"]);
  ledger.add("a", { received: 1 });
  ledger.durable();
  expect(ledger.all().get("a")).toMatchObject({ received: 4, rejected: { oversized: 2 } });
  expect(ledger.totals("c")).toMatchObject({ received: 0 });
});
