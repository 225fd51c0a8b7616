import { NotReady } from "./not-ready.ts";

export interface CommitActionsOptions {
  /** Something is to be committed. */
  wake(): void;
  /** Why the commit under way fails, and is tried again; null while none does. */
  stalled(): string | null;
}

interface Asked {
  readonly isAwaited: boolean;
  readonly action: () => void;
  readonly reject: (error: Error) => void;
}

/** What is to be done in the next commit beside what has come, and who waits until that is durable. */
export class CommitActions {
  readonly #options: CommitActionsOptions;
  readonly #actions: (() => void)[] = [];
  readonly #whenDurable: (() => void)[] = [];
  readonly #asked = new Set<Asked>();

  constructor(options: CommitActionsOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#actions.length === 0;
  }

  /** Nobody waits for it. */
  add(action: () => void): void {
    this.#actions.push(action);
  }

  /** Once the next commit is durable. */
  whenDurable(done: () => void): void {
    this.#whenDurable.push(done);
  }

  /**
   * Resolves once it is done and durable, rejects where central fails first. `isAwaited`: somebody waits for the answer, and is
   * told where commits fail; what nobody has begun to do then is not done.
   */
  ask<Outcome>({ isAwaited }: { readonly isAwaited: boolean }, act: () => Outcome): Promise<Outcome> {
    const stalled = this.#options.stalled();
    if (isAwaited && stalled !== null) return Promise.reject(new NotReady(`${stalled}; nothing was done`));
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    // Who does not wait for it must not bring the process down.
    promise.catch(() => {});
    const asked: Asked = {
      isAwaited,
      reject,
      action: () => {
        const outcome = act();
        this.#whenDurable.push(() => {
          this.#asked.delete(asked);
          resolve(outcome);
        });
      },
    };
    this.#asked.add(asked);
    this.#actions.push(asked.action);
    this.#options.wake();
    return promise;
  }

  /** Does all of it. What is returned is to be called once the commit is durable. */
  begin(): readonly (() => void)[] {
    for (const action of this.#actions.splice(0)) action();
    return this.#whenDurable.splice(0);
  }

  /** The commit under way fails, and is tried again: whoever waits is told what became of it. */
  stall(why: string): void {
    for (const asked of this.#asked) {
      if (!asked.isAwaited) continue;
      this.#asked.delete(asked);
      const at = this.#actions.indexOf(asked.action);
      if (at >= 0) this.#actions.splice(at, 1);
      asked.reject(
        new NotReady(at >= 0 ? `${why}; nothing was done` : `${why}; it is done once commits succeed`),
      );
    }
  }

  /** There will be no commit any more. */
  fail(why: string): void {
    for (const { reject } of this.#asked) reject(new NotReady(why));
    this.#asked.clear();
  }
}
