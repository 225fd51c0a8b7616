import { randomBytes } from "node:crypto";

/** Chance, as an argument. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `count` random bytes as lower-case hex. */
  hex(count: number): string;
}

export const systemRandom: Random = {
  next: () => Math.random(),
  hex: (count) => randomBytes(count).toString("hex"),
};
