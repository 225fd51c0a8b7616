import { readFileSync } from "node:fs";
import type { UplinkConfig } from "@millrace/config";
import { CertificateFiles } from "@millrace/runtime";
import type { Clock, Logger } from "@millrace/runtime";

/** What the agent shows to central, and whom it trusts. PEM texts; null: none, of `ca` the system's. */
export type Credentials = Pick<UplinkConfig, "password" | "ca" | "cert" | "key">;

/**
 * The uplink's credentials, read again before each connection: a connection that stands needs none. What cannot be used is not
 * taken, and those before are tried again.
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
    this.#certificates = this.#certificatesOf(uplink);
  }

  /** Of a configuration that was taken over. */
  set(uplink: Credentials & Pick<UplinkConfig, "paths">): void {
    this.#password = uplink.password;
    this.#passwordPath = uplink.paths.passwordFile;
    this.#certificates = this.#certificatesOf(uplink);
  }

  /** That the next connection shows unless it is renewed until then; null: none. */
  get certificate(): string | null {
    return this.#certificates.current.cert;
  }

  /** For a connection that begins now. */
  read(): Credentials {
    this.#certificates.check();
    this.#readPassword();
    return { password: this.#password, ...this.#certificates.current };
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

  #certificatesOf({ ca, cert, key, paths }: Credentials & Pick<UplinkConfig, "paths">): CertificateFiles {
    return new CertificateFiles({
      name: "uplink",
      paths: { ca: paths.ca, cert: paths.cert, key: paths.key },
      texts: { ca, cert, key },
      clock: this.#clock,
      log: this.#log,
    });
  }
}
