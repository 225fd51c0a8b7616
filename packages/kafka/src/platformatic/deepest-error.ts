import { MultipleErrors } from "@platformatic/kafka";

/** The client wraps the reason in layers that say "failed". */
export function deepestError(error: Error): Error {
  if (error instanceof MultipleErrors && error.errors[0] instanceof Error)
    return deepestError(error.errors[0]);
  return error.cause instanceof Error ? deepestError(error.cause) : error;
}
