import type { Change, Store } from "@millrace/queue";
import { parseJson, PREFIX, putJson } from "../durability/agent-store.ts";

/** A pipeline that central has pushed, whole. */
export interface PushedPipeline {
  readonly text: string;
  readonly version: string;
  readonly pushedAtMs: number;
  readonly by: string;
}

/** One that is not run, or not any more. */
export interface RefusedPipeline {
  /** Empty where it is agent.yaml that is not valid. */
  readonly version: string;
  readonly source: "file" | "central";
  /** Lines with file:line:column where it is not valid. */
  readonly reason: string;
  readonly atMs: number;
}

/** The pushed pipeline that runs instead of the file. */
export interface RunningPush extends PushedPipeline {
  /** Of the file when it was pushed; null where it could not be read. As soon as the file is another, the file wins. */
  readonly fileVersion: string | null;
  /** Starts that are left to show that it runs; null: it has shown it. */
  readonly startsLeft: number | null;
  /** What ran before and is gone back to if it does not; null: the file. */
  readonly previous: PushedPipeline | null;
}

/** What the store keeps of pipelines, in the commit that carries what depends on them. */
export interface StoredPipeline {
  /** Null: the file runs. */
  readonly running: RunningPush | null;
  readonly refused: RefusedPipeline | null;
}

const KEY = Uint8Array.of(PREFIX.pipeline);

export async function readStoredPipeline(store: Store): Promise<StoredPipeline> {
  const bytes = await store.get(KEY);
  const stored = bytes === undefined ? undefined : parseJson(bytes);
  return isStored(stored) ? stored : { running: null, refused: null };
}

export function putStoredPipeline(stored: StoredPipeline): Change {
  return putJson(KEY, stored);
}

function isStored(value: unknown): value is StoredPipeline {
  if (typeof value !== "object" || value === null || !("running" in value && "refused" in value))
    return false;
  const { running, refused } = value;
  if (running !== null && !(isPushed(running) && "previous" in running && "startsLeft" in running))
    return false;
  if (running !== null && "previous" in running && running.previous !== null && !isPushed(running.previous))
    return false;
  return refused === null || hasTexts(refused, ["version", "source", "reason"]);
}

function isPushed(value: unknown): value is PushedPipeline {
  return hasTexts(value, ["text", "version", "by"]);
}

function hasTexts(value: unknown, names: readonly string[]): value is object {
  if (typeof value !== "object" || value === null) return false;
  return names.every((name) => typeof Object.getOwnPropertyDescriptor(value, name)?.value === "string");
}
