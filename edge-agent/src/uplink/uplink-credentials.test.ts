// Renewed certificates and passwords are used by the next connection; what does not fit together, or has expired, never is.
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CERTIFICATE_CHECK_MS, CertificateFiles, MemoryLogger } from "@millrace/runtime";
import { SimulatedTime, TEST_CERTIFICATES } from "@millrace/testkit";
import { afterEach, expect, test } from "vitest";
import { UplinkCredentials } from "./uplink-credentials.ts";

const { authority, agentCertificate, agentKey, serverCertificate, serverKey } = TEST_CERTIFICATES;
const NOW_MS = Date.UTC(2027, 0, 1);

const NO_PATHS = { cert: null, key: null, ca: null, passwordFile: null };
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function given() {
  const folder = mkdtempSync(join(tmpdir(), "millrace-credentials-"));
  folders.push(folder);
  const paths = {
    cert: join(folder, "agent.crt"),
    key: join(folder, "agent.key"),
    ca: join(folder, "ca.crt"),
    passwordFile: join(folder, "password"),
  };
  const write = (texts: Partial<Record<keyof typeof paths, string>>) => {
    for (const [name, text] of Object.entries(texts))
      writeFileSync(
        join(folder, { cert: "agent.crt", key: "agent.key", ca: "ca.crt" }[name] ?? "password"),
        text,
      );
  };
  const texts = { cert: agentCertificate, key: agentKey, ca: authority };
  write({ ...texts, passwordFile: "one\n" });
  const log = new MemoryLogger();
  const time = new SimulatedTime(NOW_MS);
  return { paths, write, texts, log, time };
}

test("a connection takes what the files hold when it begins, once that fits together", () => {
  const { paths, write, texts, log, time } = given();
  const credentials = new UplinkCredentials(
    { ...texts, password: "one", paths },
    { clock: time.clock(), log },
  );
  expect(credentials.read()).toEqual({ ...texts, password: "one" });
  write({ cert: serverCertificate, passwordFile: "two\r\nmore" });
  expect(credentials.read()).toEqual({ ...texts, password: "two" });
  expect(log.lines).toEqual([]);
  write({ key: serverKey });
  expect(credentials.read()).toEqual({
    cert: serverCertificate,
    key: serverKey,
    ca: authority,
    password: "two",
  });
  rmSync(paths.passwordFile);
  write({ passwordFile: "" });
  expect(credentials.read().password).toBe("two");
  credentials.set({ ...texts, password: "three", paths: { ...paths, passwordFile: null } });
  expect(credentials.read()).toMatchObject({ password: "three" });
});

test("what cannot be used at a start is told, and taken up once it is mended; a reload takes nothing worse", () => {
  const { paths, write, texts, log, time } = given();
  write({ key: serverKey });
  const torn = { ...texts, key: serverKey, password: "one", paths };
  const credentials = new UplinkCredentials(torn, { clock: time.clock(), log });
  const problem = `cannot connect the uplink: ${paths.cert} does not fit its key ${paths.key}; put the two there`;
  expect(() => credentials.read()).toThrow(problem);
  expect(credentials.certificate).toBe(null);
  rmSync(paths.key);
  expect(() => credentials.read()).toThrow("ENOENT");
  write({ key: agentKey });
  expect(credentials.read()).toEqual({ ...texts, password: "one" });
  expect(credentials.certificate).toBe(agentCertificate);
  write({ key: serverKey });
  credentials.set(torn);
  expect(credentials.read()).toEqual({ ...texts, password: "one" });
  expect(log.lines).toMatchObject([{ message: "certificates were renewed" }]);
  credentials.set({ ca: null, cert: null, key: null, password: "two", paths: NO_PATHS });
  expect(credentials.read()).toEqual({ ca: null, cert: null, key: null, password: "two" });
});

test("a key of another kind than its certificate's is not taken: TLS would notice it with the first client", () => {
  const { paths, texts, log, write, time } = given();
  const files = new CertificateFiles({ name: "intake", paths, texts, clock: time.clock(), log });
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  write({ key: privateKey });
  files.check();
  files.check();
  expect(log.lines).toMatchObject([{ fields: { reason: expect.stringContaining("does not fit its key") } }]);
  expect(files.current).toEqual(texts);
});

test.each([
  ["that are gone", (paths: { key: string }) => rmSync(paths.key), /ENOENT.*agent\.key/],
  [
    "that hold something else",
    (paths: { ca: string }) => writeFileSync(paths.ca, "no certificate"),
    /^\/.*\/ca\.crt.*no start line/,
  ],
  [
    "that were cut short",
    (paths: { cert: string }) => writeFileSync(paths.cert, agentCertificate.slice(0, 200)),
    /^\/.*\/agent\.crt/,
  ],
  [
    "whose key is another's",
    (paths: { key: string }) => writeFileSync(paths.key, serverKey),
    /^\/.*\/agent\.crt does not fit its key \/.*\/agent\.key/,
  ],
])("files %s are told once, and those before stay in force", async (_what, spoil, reason) => {
  const { paths, texts, log, time, write } = given();
  const applied: unknown[] = [];
  const files = new CertificateFiles({
    name: "intake",
    paths,
    texts,
    clock: time.clock(),
    log,
    apply: (renewed) => applied.push(renewed),
  });
  files.start();
  spoil(paths);
  await time.run(CERTIFICATE_CHECK_MS);
  expect(log.lines).toEqual([]);
  await time.run(3 * CERTIFICATE_CHECK_MS);
  expect(log.lines).toMatchObject([
    { level: "error", fields: { of: "intake", reason: expect.stringMatching(reason) } },
  ]);
  expect([files.current, applied]).toEqual([texts, []]);
  write({ cert: serverCertificate, key: serverKey, ca: authority });
  await time.run(CERTIFICATE_CHECK_MS);
  expect(applied).toEqual([{ cert: serverCertificate, key: serverKey, ca: authority }]);
  files.stop();
  write({ cert: agentCertificate, key: agentKey });
  await time.run(2 * CERTIFICATE_CHECK_MS);
  expect(applied).toHaveLength(1);
});

test("whoever asks for a look is told at once what is not taken", () => {
  const { paths, texts, log, time, write } = given();
  const files = new CertificateFiles({ name: "intake", paths, texts, clock: time.clock(), log });
  expect(files.renew()).toBe(true);
  write({ cert: "junk" });
  expect([files.renew(), log.lines.length]).toEqual([false, 1]);
  write({ cert: serverCertificate, key: serverKey });
  expect([files.renew(), files.current.cert]).toEqual([true, serverCertificate]);
});

test("a certificate that has expired is not taken", async () => {
  const { paths, texts, log, write } = given();
  const time = new SimulatedTime(Date.UTC(2127, 0, 1));
  const files = new CertificateFiles({ name: "intake", paths, texts, clock: time.clock(), log });
  expect(files.notAfterMs).toBeLessThan(time.clock().nowMs());
  write({ cert: serverCertificate, key: serverKey });
  files.check();
  files.check();
  expect(log.lines).toMatchObject([
    { fields: { reason: expect.stringContaining("CN=localhost has expired at") } },
  ]);
  expect(files.current).toEqual(texts);
});
