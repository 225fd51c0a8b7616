import type { z } from "zod";
import { issueMessage } from "../plan/issue-message.ts";

/** All that is wrong with an order, each behind the place where it is. */
export function issueText({ issues }: z.ZodError, order: unknown): string {
  return issues
    .map((issue) => [...issue.path, issueMessage(issue, valueAt(order, issue.path))].join(": "))
    .join("; ");
}

function valueAt(order: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === "object" && value !== null
        ? Object.getOwnPropertyDescriptor(value, step)?.value
        : undefined,
    order,
  );
}
