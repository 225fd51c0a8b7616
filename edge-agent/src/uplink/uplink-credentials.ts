import { readFileSync } from "node:fs";
import type { UplinkConfig } from "@millrace/config";
import { CertificateFiles, certificateProblem, MillraceError } from "@millrace/runtime";
import type { CertificateTexts, Clock, Logger } from "@millrace/runtime";
import { certificateFault } from "./certificate-fault.ts";

/** What the agent shows to central, and whom it trusts. PEM texts; null: none, of `ca` the system's. */
export type Credentials = Pick<UplinkConfig, "password" | "ca" | "cert" | "key">;

/**
 * The uplink's credentials, read again before each connection: a connection that stands needs none. What cannot be used is not
 * taken, and those before are tried again; where there are none, as after a start, there is no connection until they are mended.
 */
export class UplinkCredentials {
  readonly #clock: Clock;
  readonly #log: Logger;
  #password: string | null;
  #passwordPath: string | null;
  #certificates: CertificateFiles;

  constructor(
    uplink: Credentials & Pick<UplinkConfig, "paths">,
    { clock, log }: { clock: Clock; log: Logger },
  ) {
    this.#clock = clock;
    this.#log = log;
    this.#password = uplink.password;
    this.#passwordPath = uplink.paths.passwordFile;
    this.#certificates = this.#certificatesOf(uplink, uplink);
  }

  /** Of a configuration that was taken over. */
  set(uplink: Credentials & Pick<UplinkConfig, "paths">): void {
    this.#password = uplink.password;
    this.#passwordPath = uplink.paths.passwordFile;
    const before = this.#certificates;
    const isKept = before.problem === null && certificateProblem(uplink, uplink.paths) !== null;
    this.#certificates = this.#certificatesOf(uplink, isKept ? before.current : uplink);
  }

  /** That the next connection shows unless it is renewed until then; null: none. */
  get certificate(): string | null {
    const { current, problem } = this.#certificates;
    return problem === null ? current.cert : null;
  }

  /** Of that certificate, which central ends a connection for; null: none is known. */
  get certificateFault(): string | null {
    return certificateFault(this.certificate, this.#certificates.paths.cert, this.#clock.nowMs());
  }

  /** For a connection that begins now. Throws `uplink_certificate` where there is nothing that can be used. */
  read(): Credentials {
    this.#certificates.check();
    this.#readPassword();
    const { current, problem } = this.#certificates;
    if (problem !== null) throw new MillraceError("uplink_certificate", { reason: problem });
    return { password: this.#password, ...current };
  }

  #readPassword(): void {
    if (this.#passwordPath === null) return;
    try {
      const [password = ""] = readFileSync(this.#passwordPath, "utf8").split(/\r?\n/, 1);
      if (password !== "") this.#password = password;
    } catch (error) {
      this.#log.repeated("uplink_password", "cannot read the uplink's password; the one before is tried", {
        error,
      });
    }
  }

  #certificatesOf(
    { paths }: Pick<UplinkConfig, "paths">,
    { ca, cert, key }: CertificateTexts,
  ): CertificateFiles {
    return new CertificateFiles({
      name: "uplink",
      paths: { ca: paths.ca, cert: paths.cert, key: paths.key },
      texts: { ca, cert, key },
      clock: this.#clock,
      log: this.#log,
    });
  }
}
