/** Names for metrics, each given once. */
export class SuggestedNames {
  readonly #taken = new Set<string>();

  /** By the text, with a number where that is taken. */
  free(text: string): string {
    const plain =
      text
        .replaceAll(/[^A-Za-z0-9_]+/g, "_")
        .replace(/^[^A-Za-z]+/, "")
        .slice(0, 56) || "value";
    let name = plain;
    for (let number = 2; this.#taken.has(name); number++) name = `${plain}_${number}`;
    this.#taken.add(name);
    return name;
  }
}
