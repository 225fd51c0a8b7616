import { existsSync } from "node:fs";
import type { Works } from "./works.ts";

const LIBRARIES = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

/** The wall clock of one process, set while it runs (libfaketime); its monotonic clock goes on. */
export class FakeClock {
  static readonly library = LIBRARIES.find((path) => existsSync(path));
  readonly env: Readonly<Record<string, string>>;
  readonly #works: Works;

  constructor(works: Works) {
    this.#works = works;
    this.env = {
      LD_PRELOAD: FakeClock.library ?? "",
      FAKETIME_TIMESTAMP_FILE: works.path("clock"),
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      // The name that versions before 0.9.10 know.
      DONT_FAKE_MONOTONIC: "1",
    };
    this.set(0);
  }

  /** How far it is ahead of the right time. */
  set(offsetMs: number): void {
    this.#works.write("clock", `${offsetMs < 0 ? "" : "+"}${Math.round(offsetMs / 1_000)}\n`);
  }
}
