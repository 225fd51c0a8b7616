import assert from "node:assert/strict";
import { createPrivateKey, webcrypto } from "node:crypto";
import { isIP } from "node:net";
// What @peculiar/x509 is built on asks for it, before it.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { signingAlgorithm } from "./signing-algorithm.ts";

/** PEM texts. */
export interface CertificateAndKey {
  readonly cert: string;
  readonly key: string;
}

export interface Validity {
  readonly fromMs: number;
  readonly days: number;
}

/** Clocks of gateways may be behind: a certificate counts from a little before it was made. */
const BACKDATED_MS = 3_600_000;
const DAY_MS = 86_400_000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

x509.cryptoProvider.set(webcrypto);

/** An authority that signs itself: RFC 5280 with P-256, good for certificates of agents and listeners only. */
export async function makeAuthority(name: string, validity: Validity): Promise<CertificateAndKey> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...when(validity),
    serialNumber: newSerial(),
    name: `CN=${name}`,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pemOf(certificate, keys);
}

/** Of an agent, which it is known by: `name` is the common name. Ends with its authority at the latest. */
export function issueAgent(
  authority: CertificateAndKey,
  name: string,
  validity: Validity,
): Promise<CertificateAndKey> {
  return issue(authority, { name, validity, usage: x509.ExtendedKeyUsage.clientAuth, hosts: [] });
}

/** Of a listener that is reached under these host names and addresses. Ends with its authority at the latest. */
export function issueServer(
  authority: CertificateAndKey,
  hosts: readonly string[],
  validity: Validity,
): Promise<CertificateAndKey> {
  const [name = "millrace-central"] = hosts;
  return issue(authority, { name, validity, usage: x509.ExtendedKeyUsage.serverAuth, hosts });
}

async function issue(
  authority: CertificateAndKey,
  options: {
    readonly name: string;
    readonly validity: Validity;
    readonly usage: x509.ExtendedKeyUsage;
    readonly hosts: readonly string[];
  },
): Promise<CertificateAndKey> {
  const { name, validity, usage, hosts } = options;
  const issuer = new x509.X509Certificate(authority.cert);
  const authorityKey = createPrivateKey(authority.key);
  const algorithm = signingAlgorithm(authorityKey);
  assert(algorithm !== null, "an authority is judged before it signs");
  const keys = await newKeys();
  const { notBefore, notAfter } = when(validity);
  const certificate = await x509.X509CertificateGenerator.create({
    notBefore,
    notAfter: issuer.notAfter < notAfter ? issuer.notAfter : notAfter,
    serialNumber: newSerial(),
    subject: `CN=${name}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKey.toCryptoKey(algorithm, false, ["sign"]),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(hosts.length === 0
        ? []
        : [
            new x509.SubjectAlternativeNameExtension(
              hosts.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
            ),
          ]),
    ],
  });
  return pemOf(certificate, keys);
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** RFC 5280, 4.1.2.2: positive, at most 20 octets. */
function newSerial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

function when({ fromMs, days }: Validity): { readonly notBefore: Date; readonly notAfter: Date } {
  return { notBefore: new Date(fromMs - BACKDATED_MS), notAfter: new Date(fromMs + days * DAY_MS) };
}

async function pemOf(
  certificate: x509.X509Certificate,
  { privateKey }: webcrypto.CryptoKeyPair,
): Promise<CertificateAndKey> {
  const key = await webcrypto.subtle.exportKey("pkcs8", privateKey);
  return {
    cert: `${certificate.toString("pem")}\n`,
    key: `${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`,
  };
}
