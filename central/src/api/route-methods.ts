/** Which methods a path takes, of routes written as `METHOD /path/{parameter}`. */
export class RouteMethods {
  readonly #routes: { readonly method: string; readonly pattern: RegExp }[] = [];

  add(method: string, path: string): void {
    const pattern = path
      .split(/\{\w+\}/)
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
    this.#routes.push({ method, pattern: new RegExp(`^${pattern.join("[^/]+")}$`) });
  }

  /** Empty: there is no such path. */
  of(path: string): readonly string[] {
    return this.#routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  }
}
