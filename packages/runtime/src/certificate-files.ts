import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { certificateProblem } from "./certificate-problem.ts";
import type { Clock, Timer } from "./clock.ts";
import { reasonOf } from "./error.ts";
import type { Logger } from "./log.ts";

/** Where PEM texts lie; null: there is none. */
export interface CertificatePaths {
  readonly cert: string | null;
  readonly key: string | null;
  readonly ca: string | null;
}

/** PEM texts that belong together. */
export type CertificateTexts = CertificatePaths;

/** Small files, looked at so often: a change is found whatever wrote it, through links and mounts too. */
export const CERTIFICATE_CHECK_MS = 5_000;

/**
 * The certificates of a listener or a client, read again when their files change. What cannot be read, does not fit together or
 * is expired is not taken: a certificate is written before or after its key, and the one in force goes on. What a program
 * starts with may be unusable itself, and then nothing is in force until the files are mended.
 */
export class CertificateFiles {
  readonly #options: CertificateFilesOptions;
  #current: CertificateTexts;
  #problem: string | null;
  /** Not taken at the last look: told when it is still there at the next. */
  #refused: string | null = null;
  #isTold = false;
  #timer: Timer | null = null;

  constructor(options: CertificateFilesOptions) {
    this.#options = options;
    this.#current = options.texts;
    this.#problem = certificateProblem(options.texts, options.paths)?.message ?? null;
  }

  get name(): string {
    return this.#options.name;
  }

  get paths(): CertificatePaths {
    return this.#options.paths;
  }

  get current(): CertificateTexts {
    return this.#current;
  }

  /** Why `current` cannot be used; null where it can. */
  get problem(): string | null {
    return this.#problem;
  }

  /** When the certificate in force ends; null where there is none. */
  get notAfterMs(): number | null {
    const { cert } = this.#current;
    return cert === null ? null : certificateEndMs(cert);
  }

  /** Looks at the files every CERTIFICATE_CHECK_MS. */
  start(): void {
    this.#timer = this.#options.clock.after(CERTIFICATE_CHECK_MS, () => {
      this.check();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Looks at the files now. What is not taken may be half written: it is told when it is still there at the next look. */
  check(): void {
    const problem = this.#take();
    // While those from the start cannot be used, whoever was to use them says so.
    if (this.#problem !== null) this.#problem = problem ?? this.#problem;
    else if (problem !== this.#refused) this.#isTold = false;
    else if (problem !== null && !this.#isTold) this.#tell(problem);
    this.#refused = problem;
  }

  /** The same for somebody who asks: tells it at once. True: what the files hold is in force. */
  renew(): boolean {
    this.#refused = this.#take();
    if (this.#refused !== null) this.#tell(this.#refused);
    return this.#refused === null && this.#problem === null;
  }

  /** Why what the files hold is not in force now; null: it is. */
  #take(): string | null {
    const { paths, clock, log, name, apply = () => {} } = this.#options;
    try {
      const texts = read(paths);
      if (isSame(texts, this.#current)) return null;
      const problem = certificateProblem(texts, paths)?.message ?? expiryOf(texts, paths, clock.nowMs());
      if (problem !== null) return problem;
      this.#current = texts;
      this.#problem = null;
      apply(texts);
      log.info("certificates were renewed", { of: name, until: untilOf(texts) });
      return null;
    } catch (error) {
      return reasonOf(error);
    }
  }

  #tell(reason: string): void {
    const { log, name } = this.#options;
    this.#isTold = true;
    log.error("certificates cannot be renewed; those before stay in force", { of: name, reason });
  }
}

/** When the first certificate of a PEM text ends. */
export function certificateEndMs(pem: string): number {
  return new X509Certificate(pem).validToDate.getTime();
}

export interface CertificateFilesOptions {
  /** Of what they are, for the log. */
  readonly name: string;
  readonly paths: CertificatePaths;
  /** Those in force. */
  readonly texts: CertificateTexts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly apply?: (texts: CertificateTexts) => void;
}

function read({ cert, key, ca }: CertificatePaths): CertificateTexts {
  const textOf = (path: string | null) => (path === null ? null : readFileSync(path, "utf8"));
  return { cert: textOf(cert), key: textOf(key), ca: textOf(ca) };
}

function isSame(a: CertificateTexts, b: CertificateTexts): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}

/** Of its own certificate: of several authorities one may have expired. */
function expiryOf({ cert }: CertificateTexts, paths: CertificatePaths, nowMs: number): string | null {
  if (cert === null) return null;
  const { subject, validTo, validToDate } = new X509Certificate(cert);
  return validToDate.getTime() > nowMs ? null : `${paths.cert}: ${subject} has expired at ${validTo}`;
}

function untilOf({ cert, ca }: CertificateTexts): string {
  return new X509Certificate(cert ?? ca ?? "").validToDate.toISOString();
}
