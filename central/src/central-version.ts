import { readVersion } from "@millrace/runtime";
import type { Version } from "@millrace/runtime";
import { WIRE_VERSION } from "@millrace/wire";
import { CENTRAL_STORE_FORMAT } from "./state/central-state.ts";

/** What central says of itself. */
export function centralVersion(): Version {
  return readVersion({
    program: "millrace-central",
    wireVersion: WIRE_VERSION,
    storeVersion: CENTRAL_STORE_FORMAT,
  });
}
