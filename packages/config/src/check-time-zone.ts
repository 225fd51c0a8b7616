import { nearestName } from "@millrace/runtime";
import { isTimeZone } from "@millrace/stream";
import type { ConfigReader } from "./config-reader.ts";
import type { KeyPath } from "./yaml-source.ts";

/** Whether there is such a time zone; else that is a problem. */
export function checkTimeZone(reader: ConfigReader, path: KeyPath, timeZone: string): boolean {
  if (isTimeZone(timeZone)) return true;
  const nearest = nearestName(timeZone, Intl.supportedValuesOf("timeZone"));
  const wayOut =
    nearest === undefined ? "it must be an IANA name such as Europe/Berlin" : `did you mean ${nearest}?`;
  reader.problem(path, `there is no time zone ${timeZone}; ${wayOut}`);
  return false;
}
