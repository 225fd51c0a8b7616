// Renewed certificates and passwords are used by the next connection; what does not fit together, or has expired, never is.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CERTIFICATE_CHECK_MS, CertificateFiles, MemoryLogger } from "@millrace/runtime";
import { SimulatedTime, TEST_CERTIFICATES } from "@millrace/testkit";
import { afterEach, expect, test } from "vitest";
import { UplinkCredentials } from "./uplink-credentials.ts";

const { authority, agentCertificate, agentKey, serverCertificate, serverKey } = TEST_CERTIFICATES;
const NOW_MS = Date.UTC(2027, 0, 1);

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

test.each([
  ["that are gone", (paths: { key: string }) => rmSync(paths.key), "ENOENT"],
  [
    "that hold something else",
    (paths: { ca: string }) => writeFileSync(paths.ca, "no certificate"),
    "no start line",
  ],
  ["whose key is another's", (paths: { key: string }) => writeFileSync(paths.key, serverKey), "mismatch"],
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
    { level: "error", fields: { of: "intake", reason: expect.stringContaining(reason) } },
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
