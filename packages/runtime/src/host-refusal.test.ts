// A name that is not ours is refused, whatever it resolves to; addresses and configured names are served.
import { expect, test } from "vitest";
import { hostRefusal } from "./host-refusal.ts";

const NAMES = ["0.0.0.0", "central.plant.local"];

test.each([
  undefined,
  "127.0.0.1",
  "10.1.2.3:8080",
  "[::1]:8080",
  "localhost:9464",
  "LocalHost",
  "central.plant.local",
  "Central.Plant.local:8080",
])("%s is served", (header) => {
  expect(hostRefusal(header, NAMES)).toBeNull();
});

test.each([
  "",
  "evil.example",
  "evil.example:8080",
  "127.0.0.1.evil.example",
  "localhost.evil.example:80",
  "plant.local",
  "127.0.0.1@evil.example",
  "evil.example:80:80",
  "[evil.example]",
])("%j is refused, with the way out", (header) => {
  expect(hostRefusal(header, NAMES)).toContain("http.allowedHosts");
});
