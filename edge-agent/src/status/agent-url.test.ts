// Where commands ask a running agent, whatever address its status page listens on.
import { expect, test } from "vitest";
import { agentUrl } from "./agent-url.ts";

const urlOf = (host: string) => agentUrl({ http: { host, port: 9464, allowedHosts: [] } });

test("commands reach an agent on IPv6, and one that listens on every address", () => {
  expect(urlOf("127.0.0.1")).toBe("http://127.0.0.1:9464");
  expect(urlOf("gateway.example")).toBe("http://gateway.example:9464");
  expect(urlOf("::1")).toBe("http://[::1]:9464");
  expect(urlOf("::")).toBe("http://[::1]:9464");
  expect(urlOf("0.0.0.0")).toBe("http://127.0.0.1:9464");
});
