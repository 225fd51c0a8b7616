// Why a connection failed, in words of Millrace's settings where one of them helps.
import { expect, test } from "vitest";
import { connectionReason } from "./connection-reason.ts";

const NODE_SAYS =
  "unable to verify the first certificate; if the root CA is installed locally, try running Node.js with --use-system-ca";

test.each([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
])(
  "a certificate of an authority that is not known (%s): the setting is named, and no flag of Node's",
  (code) => {
    const error = Object.assign(new Error(NODE_SAYS), { code });
    expect(connectionReason(error, "uplink.ca")).toBe(
      "its certificate is of no authority that is trusted here: let uplink.ca name the file of its CA",
    );
  },
);

test("any other reason is the error's own", () => {
  expect(connectionReason(new Error("connect ECONNREFUSED"), "uplink.ca")).toBe("connect ECONNREFUSED");
  expect(connectionReason("closed", "uplink.ca")).toBe("closed");
});
