// What a crash between a key and its certificate leaves blocks nobody, and costs no authority.
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
// What @peculiar/x509 is built on asks for it, before it.
import "reflect-metadata";
import { BasicConstraintsExtension, X509CertificateGenerator } from "@peculiar/x509";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { requireName } from "../commands/require-name.ts";
import { issueAgent, makeAuthority } from "./certificates.ts";
import { IdentityFolder } from "./identity-folder.ts";
import { signingAlgorithm } from "./signing-algorithm.ts";

const NOW_MS = Date.now();
const VALIDITY = { fromMs: NOW_MS, days: 30 };

const ends: (() => unknown)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

function newFolder(): IdentityFolder {
  const path = mkdtempSync(join(tmpdir(), "millrace-identities-"));
  ends.push(() => rmSync(path, { recursive: true, force: true }));
  return new IdentityFolder(path);
}

test("a key without its certificate is written over; a pair that is whole only by a renewal", () => {
  const folder = newFolder();
  folder.write("uplink.key", "left", false);
  folder.writePair("uplink", { cert: "c1", key: "k1" }, false);
  const pair = () => ["crt", "key"].map((end) => readFileSync(join(folder.path, `uplink.${end}`), "utf8"));
  expect(pair()).toEqual(["c1", "k1"]);
  expect(() => folder.writePair("uplink", { cert: "c2", key: "k2" }, false)).toThrow(
    "--renew writes over it",
  );
  expect(pair()).toEqual(["c1", "k1"]);
  folder.writePair("uplink", { cert: "c2", key: "k2" }, true);
  expect(pair()).toEqual(["c2", "k2"]);
});

test("an authority's key without its certificate is told, with the way out", () => {
  const folder = newFolder();
  expect(folder.authority(NOW_MS)).toBeNull();
  folder.write("authority.key", "left", false);
  expect(() => folder.authority(NOW_MS)).toThrow(expect.objectContaining({ code: "file_in_the_way" }));
});

async function selfSigned(privateKey: KeyObject): Promise<string> {
  const algorithm = signingAlgorithm(privateKey);
  assert(algorithm !== null);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=ours",
    notBefore: new Date(NOW_MS),
    notAfter: new Date(NOW_MS + 86_400_000),
    signingAlgorithm: algorithm,
    keys: {
      privateKey: privateKey.toCryptoKey(algorithm, false, ["sign"]),
      publicKey: createPublicKey(privateKey).toCryptoKey(algorithm, true, ["verify"]),
    },
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  return certificate.toString("pem");
}

/** As OpenSSL writes it: by default, with a passphrase, in the older forms. */
function pemOf(key: KeyObject, type: "pkcs8" | "sec1" | "pkcs1", passphrase?: string): string {
  const cipher = passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase };
  return key.export({ type, format: "pem", ...cipher }).toString();
}

test.each([
  ["of the elliptic curve, as `openssl ecparam` writes it", "ec", "sec1"],
  ["of RSA, in either form", "rsa", "pkcs1"],
  ["of RSA, in either form", "rsa", "pkcs8"],
] as const)("an authority's key %s signs: %s in %s", async (_what, kind, type) => {
  const folder = newFolder();
  const key =
    kind === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey
      : generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  folder.writePair("authority", { cert: await selfSigned(key), key: pemOf(key, type) }, false);
  const authority = folder.authority(NOW_MS);
  assert(authority !== null);
  const issued = new X509Certificate((await issueAgent(authority, "alpha-1", VALIDITY)).cert);
  expect(issued.verify(new X509Certificate(authority.cert).publicKey)).toBe(true);
});

test("an authority that is damaged, encrypted, another's or over is told with its file, before anything is signed", async () => {
  const [own, others] = await Promise.all([
    makeAuthority("ours", VALIDITY),
    makeAuthority("theirs", VALIDITY),
  ]);
  const agent = await issueAgent(own, "alpha-1", VALIDITY);
  const edwards = generateKeyPairSync("ed25519").privateKey;
  for (const [pair, reason] of [
    [{ ...own, cert: "junk" }, /: authority\.crt is no certificate/],
    [{ ...own, cert: "" }, /: authority\.crt is no certificate/],
    [agent, /: authority\.crt \(CN=alpha-1\) is no authority's/],
    [{ ...own, key: "" }, /: authority\.key is no private key/],
    [{ ...own, key: own.key.replace(/\n.{20}/, "\n") }, /: authority\.key is no private key/],
    [{ ...own, key: pemOf(createPrivateKey(own.key), "pkcs8", "secret") }, /: authority\.key is encrypted$/],
    [{ ...own, key: pemOf(edwards, "pkcs8") }, /: authority\.key is of a kind \(ed25519\) that/],
    [{ ...own, key: others.key }, /: authority\.key is not the key of authority\.crt \(CN=ours\)$/],
  ] as const) {
    const folder = newFolder();
    folder.writePair("authority", pair, false);
    expect(() => folder.authority(NOW_MS)).toThrow(
      expect.objectContaining({
        code: "authority_unusable",
        message: expect.stringMatching(reason),
        wayOut: expect.stringContaining("openssl pkey"),
      }),
    );
  }
  const folder = newFolder();
  folder.writePair("authority", own, false);
  expect(folder.authority(NOW_MS)).toEqual(own);
  expect(() => folder.authority(NOW_MS + 31 * 86_400_000)).toThrow(/authority\.crt has expired at 20/);
  rmSync(join(folder.path, "authority.key"));
  expect(() => folder.authority(NOW_MS)).toThrow(/authority\.key is not there$/);
  expect(folder.authorityCertificate(NOW_MS)).toBe(own.cert);
});

test("what an authority signs ends with it", async () => {
  const authority = await makeAuthority("ours", VALIDITY);
  const agent = await issueAgent(authority, "alpha-1", { ...VALIDITY, days: 365 });
  const [ca, issued] = [authority, agent].map(({ cert }) => new X509Certificate(cert));
  expect(issued?.validTo).toBe(ca?.validTo);
});

test("an identity that lost a file, or what one held, is not whole", () => {
  const folder = newFolder();
  expect(folder.missing(["uplink.crt", "uplink.key"])).toEqual(["uplink.crt", "uplink.key"]);
  folder.writePair("uplink", { cert: "c", key: "" }, false);
  expect(folder.missing(["uplink.crt", "uplink.key"])).toEqual(["uplink.key"]);
  folder.writePair("uplink", { cert: "c", key: "k" }, true);
  expect(folder.missing(["uplink.crt", "uplink.key"])).toEqual([]);
});

test("no name of an agent leads out of the folder", () => {
  for (const name of ["..", ".", "", "a/b", "../a", "\\"])
    expect(() => requireName("enroll", name)).toThrow("is no name");
  for (const name of ["alpha-1", "...", ".a", "a..b"])
    expect(() => requireName("enroll", name)).not.toThrow();
});

test("a folder named from where the caller stands is printed so that it can be named from anywhere", () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-identities-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const identities = new IdentityFolder(relative(process.cwd(), folder));
  expect([identities.path, identities.below("beta-1").path]).toEqual([folder, join(folder, "beta-1")]);
});
