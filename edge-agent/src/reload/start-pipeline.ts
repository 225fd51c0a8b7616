import { loadAgentPipeline, type Loaded, type Pipeline } from "@millrace/config";
import type { Store } from "@millrace/queue";
import type { Logger } from "@millrace/runtime";
import type { FilePipeline } from "./file-pipeline.ts";
import { type PipelineVersion, versionOf } from "./pipeline-version.ts";
import {
  type PushedPipeline,
  putStoredPipeline,
  readStoredPipeline,
  type StoredPipeline,
} from "./stored-pipeline.ts";

/** Starts in which a pushed pipeline must show that the agent runs with it, the one that took it over not counted. */
export const TRIAL_STARTS_MAX = 3;

export interface StartPipeline {
  readonly loaded: Loaded<Pipeline>;
  readonly version: PipelineVersion;
  readonly stored: StoredPipeline;
}

/**
 * The pipeline to start with: the file, or the one that central has pushed since the file was last changed. A pushed one
 * that has not run long enough yet uses up a start of its trial, on the disk, before anything is made of it; with none left
 * what ran before is gone back to.
 */
export async function startPipeline(options: {
  readonly store: Store;
  readonly file: FilePipeline;
  readonly nowMs: number;
  readonly log: Logger;
}): Promise<StartPipeline> {
  const { store, file, nowMs, log } = options;
  const before = await readStoredPipeline(store).catch((error: unknown): StoredPipeline => {
    log.error("cannot read which pipeline central has pushed; the file runs", { error });
    return { running: null, refused: null };
  });
  let stored = settled(before, file, nowMs);
  let pushed: Loaded<Pipeline> | undefined;
  while (stored.running !== null && pushed === undefined) {
    try {
      pushed = loadPushed(stored.running);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      stored = withoutRunning(stored, reason, nowMs);
    }
  }
  if (stored.refused !== null && stored.refused !== before.refused)
    log.error("a pipeline that central has pushed is given up", { ...stored.refused });
  else if (before.running !== null && stored.running === null)
    log.warn("the pipeline file was changed: it runs instead of the one that central has pushed", {
      pushed: before.running.version,
    });
  const { running } = stored;
  if (running !== null && running.startsLeft !== null)
    stored = { ...stored, running: { ...running, startsLeft: running.startsLeft - 1 } };
  if (stored !== before)
    await store.commit([putStoredPipeline(stored)], { isSync: true }).catch((error: unknown) => {
      // A disk that is full now refuses no start.
      log.error("cannot note the start of a pushed pipeline", { error });
    });
  if (running === null || pushed === undefined) {
    if ("error" in file) throw file.error;
    return { loaded: file.loaded, version: fileVersion(file.text), stored };
  }
  if ("error" in file)
    log.error("the pipeline file cannot be used; the one that central has pushed runs", {
      error: file.error,
    });
  return { loaded: pushed, version: pushedVersion(running), stored };
}

/** Throws as `loadAgentPipeline`. */
export function loadPushed({ text }: PushedPipeline): Loaded<Pipeline> {
  return loadAgentPipeline("pushed-pipeline.yaml", { readFile: () => text });
}

export function fileVersion(text: string): PipelineVersion {
  return { version: versionOf(text), source: "file", pushedAtMs: null, by: null };
}

export function pushedVersion({ version, pushedAtMs, by }: PushedPipeline): PipelineVersion {
  return { version, source: "central", pushedAtMs, by };
}

/** Without what has been overtaken by a change of the file, and without what has used up its trial. */
function settled(stored: StoredPipeline, file: FilePipeline, nowMs: number): StoredPipeline {
  const { running } = stored;
  if (running === null) return stored;
  if (!("error" in file) && versionOf(file.text) !== running.fileVersion) return { ...stored, running: null };
  if (running.startsLeft !== 0) return stored;
  return withoutRunning(stored, "the agent did not stay up with it", nowMs);
}

function withoutRunning(stored: StoredPipeline, reason: string, nowMs: number): StoredPipeline {
  const { running } = stored;
  if (running === null) return stored;
  const { version, previous, fileVersion: ofFile } = running;
  return {
    running:
      previous === null ? null : { ...previous, fileVersion: ofFile, startsLeft: null, previous: null },
    refused: { version, source: "central", reason, atMs: nowMs },
  };
}
