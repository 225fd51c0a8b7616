// A certificate that central will not take for its dates is told with file, date and the way out.
import { TEST_CERTIFICATES } from "@millrace/testkit";
import { expect, test } from "vitest";
import { certificateFault } from "./certificate-fault.ts";

const { agentCertificate } = TEST_CERTIFICATES;
const PATH = "/etc/millrace/uplink.crt";

test.each([
  [
    "2126-10-30T23:54:52Z",
    /^the certificate \(`uplink\.cert`: \/etc\/.*\) has expired at 2126-10-30T23:54:51/,
  ],
  ["2026-11-23T23:54:50Z", /is not valid before 2026-11-23T23:54:51\.000Z: is this gateway's clock behind\?/],
])("at %s", (now, words) => {
  const fault = certificateFault(agentCertificate, PATH, Date.parse(now));
  expect(fault).toMatch(words);
  expect(fault).toContain("`millrace-central enroll alpha-1 --site … --certificate --renew`");
});

test("one that is valid, and none at all, are no fault", () => {
  expect(certificateFault(agentCertificate, PATH, Date.UTC(2050, 0))).toBe(null);
  for (const none of [null, "junk"]) expect(certificateFault(none, PATH, Date.UTC(2050, 0))).toBe(null);
});
