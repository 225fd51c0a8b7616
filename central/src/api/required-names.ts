import { nearestName, orNearest } from "@millrace/runtime";
import { ZodObject } from "zod";
import type { CentralReader } from "./central-reader.ts";
import { ANY_EVIDENCE, EVIDENCE_LIMIT_MAX } from "./evidence-query.ts";
import { OPERATIONS, parameterNames } from "./operations.ts";
import type { Operation } from "./operations.ts";
import { ProblemError } from "./problem.ts";
import { parseQuery } from "./window-query.ts";

const WINDOW_PARAMETERS = parameterNames(OPERATIONS["GET /api/v1/windows"]);

/** A mistyped parameter would quietly ask something else. Where labels are parameters too, who knows these judges. */
export function requireParameters(query: unknown, operation: Operation): void {
  const given = parseQuery(query);
  if (operation.takesLabels === true) return;
  const names = parameterNames(operation);
  for (const name of given.keys())
    if (!names.includes(name))
      throw new ProblemError("bad_request", `${name} is no parameter here; ${orNearest(name, names)}`);
}

/** The same of what is sent. Records have what keys they like. */
export function requireKeys(sent: unknown, { body }: Operation): void {
  if (typeof sent !== "object" || sent === null || Array.isArray(sent) || sent instanceof Uint8Array) return;
  const schema = body?.["application/json"];
  const keys = schema instanceof ZodObject ? Object.keys(schema.shape) : [];
  for (const key of Object.keys(sent))
    if (!keys.includes(key))
      throw new ProblemError("bad_request", `${key} is no key of this body; ${orNearest(key, keys)}`);
}

/** The window that is asked for, and the labels that its group must have. */
export function requireWindow(reader: CentralReader, name: string, labels: readonly string[] = []): void {
  const { windows } = reader.pipeline();
  const window = windows.find((each) => each.name === name);
  if (window === undefined) {
    const known = windows.map((each) => each.name);
    throw new ProblemError("unknown_window", `the pipeline has no window ${name}; ${orNearest(name, known)}`);
  }
  const { by } = window;
  for (const label of labels)
    if (!by.includes(label))
      throw new ProblemError(
        "bad_request",
        `${label} is no parameter here, and no label of window ${name} (it has ${by.join(", ") || "none"}); ${orNearest(label, [...by, ...WINDOW_PARAMETERS])}`,
      );
}

/**
 * Of evidence any label may be asked for, since nobody knows which will come: but one that no evidence has, and that is nearly
 * a parameter, is one mistyped.
 */
export function requireEvidenceLabels(reader: CentralReader, labels: readonly string[]): void {
  const names = parameterNames(OPERATIONS["GET /api/v1/evidence"]);
  const hasLabel = (label: string): boolean =>
    reader
      .evidence({ ...ANY_EVIDENCE, limit: EVIDENCE_LIMIT_MAX })
      .evidence.some(({ labels: own }) => label in own);
  for (const label of labels) {
    const nearest = nearestName(label, names);
    if (nearest === undefined || label === "site" || hasLabel(label)) continue;
    throw new ProblemError(
      "bad_request",
      `${label} is no parameter here, and no label of any evidence; did you mean ${nearest}?`,
    );
  }
}
