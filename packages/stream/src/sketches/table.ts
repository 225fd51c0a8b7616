import type { SketchKind } from "../sketch.ts";

const KINDS: readonly SketchKind[] = [];

const byId = new Map(KINDS.map((kind) => [kind.id, kind]));
const byName = new Map<string, SketchKind>(KINDS.map((kind) => [kind.name, kind]));

/** The sketch with this number, or undefined: a newer writer may know more. */
export function sketchById(id: number): SketchKind | undefined {
  return byId.get(id);
}

export function sketchNamed(name: string): SketchKind | undefined {
  return byName.get(name);
}
