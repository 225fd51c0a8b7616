import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { MillraceError, prepareDataFolder, reasonOf } from "@millrace/runtime";
import { authorityFault } from "./authority-fault.ts";
import type { CertificateAndKey } from "./certificates.ts";

/** A folder of secrets that `enroll` and `certificate` write: an authority, and a folder for each gateway. */
export class IdentityFolder {
  /** Absolute: it is printed to be copied into a file of another folder. */
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
    prepareDataFolder(path, "--folder");
  }

  /** Whether that is the name of a file of the folder's own, which no gateway's folder can have. */
  static isOwn(name: string): boolean {
    return /^(?:authority|central)\.(?:crt|key)(?:\.new)?$/.test(name);
  }

  /** The authority's, to sign with; null: there is none yet. Throws as `authorityCertificate` does. */
  authority(nowMs: number): CertificateAndKey | null {
    const cert = this.authorityCertificate(nowMs);
    if (cert === null) return null;
    const key = this.#read("authority.key");
    this.#refuseUnless(authorityFault(cert, key, nowMs));
    return { cert, key };
  }

  /**
   * What its authority is known by; null: there is none yet. Throws `authority_unusable`, and `file_in_the_way` where there is a
   * key without its certificate.
   */
  authorityCertificate(nowMs: number): string | null {
    const [cert, key] = [join(this.path, "authority.crt"), join(this.path, "authority.key")];
    if (existsSync(cert)) {
      const text = this.#read("authority.crt");
      this.#refuseUnless(authorityFault(text, null, nowMs));
      return text;
    }
    if (!existsSync(key)) return null;
    // What it signed would be worth nothing with another key: that is for whoever knows whether it signed anything.
    const advice = `put ${cert} back beside it (every gateway has it as ca.crt), or remove it to begin with a new authority`;
    throw new MillraceError("file_in_the_way", { path: key, advice });
  }

  /**
   * `name`: without ending, below the folder. The key is there before the certificate that needs it; one that was left without
   * it is nobody's.
   */
  writePair(name: string, { cert, key }: CertificateAndKey, isRenewal: boolean): void {
    const isUnfinished = !this.has(`${name}.crt`);
    this.write(`${name}.key`, key, isRenewal || isUnfinished);
    this.write(`${name}.crt`, cert, isRenewal);
  }

  /** Whole or not at all; never over a file that is there, but for a renewal. Throws `file_unwritable`. */
  write(name: string, text: string, isRenewal: boolean): void {
    const path = join(this.path, name);
    const next = `${path}.new`;
    try {
      if (!isRenewal && existsSync(path)) throw new Error("it exists already; --renew writes over it");
      rmSync(next, { force: true });
      writeFileSync(next, text, { flag: "wx", mode: 0o600 });
      renameSync(next, path);
    } catch (error) {
      throw new MillraceError("file_unwritable", { path, reason: reasonOf(error) }, { cause: error });
    }
  }

  has(name: string): boolean {
    return existsSync(join(this.path, name));
  }

  /** Which of these files are not there, or empty. */
  missing(names: readonly string[]): readonly string[] {
    return names.filter(
      (name) => (statSync(join(this.path, name), { throwIfNoEntry: false })?.size ?? 0) === 0,
    );
  }

  /** A folder below it, for one gateway. */
  below(name: string): IdentityFolder {
    return new IdentityFolder(join(this.path, name));
  }

  #read(name: string): string {
    try {
      return readFileSync(join(this.path, name), "utf8");
    } catch (error) {
      const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
      throw this.#unusable(isMissing ? `${name} is not there` : reasonOf(error));
    }
  }

  #refuseUnless(fault: string | null): void {
    if (fault !== null) throw this.#unusable(fault);
  }

  #unusable(reason: string): MillraceError {
    return new MillraceError("authority_unusable", { folder: this.path, reason });
  }
}
