import type { z } from "zod";

/** All that is wrong with an order, each behind the place where it is. */
export function issueText({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => [...path, message].join(": ")).join("; ");
}
