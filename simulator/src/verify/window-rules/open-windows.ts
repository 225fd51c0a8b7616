import type { CentralWindow } from "../central-client.ts";
import { windowKey, type WindowDefinition } from "../window-oracle.ts";

/** Central's windows that wait for somebody: what rules make of them may change. */
export class OpenWindows {
  readonly #keys = new Set<string>();

  add({ by }: WindowDefinition, { window, startMs, group, state }: CentralWindow): void {
    if (state !== "provisional") return;
    this.#keys.add(
      windowKey(
        window,
        startMs,
        by.map((label) => group[label] ?? ""),
      ),
    );
  }

  has(window: string, startMs: number, group: readonly string[]): boolean {
    return this.#keys.has(windowKey(window, startMs, group));
  }
}
