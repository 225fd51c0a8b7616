/** A program of the line ended before it was ready: what it wrote last says why. */
export class StartFailure extends Error {
  /** Another program took one of the ports between the choice and the use. */
  readonly isPortTaken: boolean;

  constructor(name: string, lastLines: readonly string[]) {
    super(
      [`${name} ended before it was ready; its last lines:`, ...lastLines.map((line) => `  | ${line}`)].join(
        "\n",
      ),
    );
    this.isPortTaken = lastLines.some((line) => line.includes("(port_in_use)"));
  }
}
