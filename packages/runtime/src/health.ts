/**
 * Named checks behind /healthz and /readyz. Liveness: would a restart help? Readiness: should work be sent here?
 * A lost uplink makes an agent neither: it goes on alone.
 */
export class Health {
  readonly #checks = new Map<string, { readonly kind: CheckKind; readonly check: HealthCheck }>();

  /** A check answers at once, from what its part knows; a check that throws is failing. */
  add(kind: CheckKind, name: string, check: HealthCheck): void {
    if (this.#checks.has(name)) throw new Error(`invariant: health check ${name} is added twice`);
    this.#checks.set(name, { kind, check });
  }

  /** Ready includes alive. */
  report(kind: CheckKind): HealthReport {
    const checks: CheckResult[] = [];
    for (const [name, entry] of this.#checks) {
      if (entry.kind !== kind && kind !== "ready") continue;
      checks.push({ name, ...outcome(entry.check) });
    }
    return { isOk: checks.every((result) => result.isOk), checks };
  }
}

export type CheckKind = "alive" | "ready";

/** Null: all is well. Text: what is wrong, for a person. */
export type HealthCheck = () => string | null;

export interface HealthReport {
  readonly isOk: boolean;
  readonly checks: readonly CheckResult[];
}

export interface CheckResult {
  readonly name: string;
  readonly isOk: boolean;
  readonly reason: string | null;
}

function outcome(check: HealthCheck): { readonly isOk: boolean; readonly reason: string | null } {
  try {
    const reason = check();
    return { isOk: reason === null, reason };
  } catch (error) {
    return { isOk: false, reason: `check failed: ${error instanceof Error ? error.message : String(error)}` };
  }
}
