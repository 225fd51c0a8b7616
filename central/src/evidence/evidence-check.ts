import { createHash } from "node:crypto";
import type { Store } from "@millrace/queue";
import { CENTRAL_KEYS } from "../store/central-keys.ts";
import type { EvidenceView } from "./evidence-view.ts";

/** The parts of a piece, in order, as the store has them. Throws where one is missing: it was given up meanwhile. */
export async function* evidenceParts(
  store: Store,
  { id, parts }: Pick<EvidenceView, "id" | "parts">,
): AsyncGenerator<Uint8Array> {
  for (let part = 0; part < parts; part += 1) {
    const bytes = await store.get(CENTRAL_KEYS.evidencePart(id, part));
    if (bytes === undefined) throw new Error(`part ${part} of evidence ${id} is gone`);
    yield bytes;
  }
}

/** Whether what the store has of a piece is what was sent. */
export async function isEvidenceSound(store: Store, view: EvidenceView): Promise<boolean> {
  const hash = createHash("sha256");
  for await (const bytes of evidenceParts(store, view)) hash.update(bytes);
  return hash.digest("hex") === view.sha256;
}
