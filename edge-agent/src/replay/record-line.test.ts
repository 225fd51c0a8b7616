// One line of a recording: what is a message, and where a line that is none goes wrong.
import { expect, test } from "vitest";
import { recordLine } from "./record-line.ts";

const place = { file: "x.jsonl", line: 3, column: 1 };

function message(line: string) {
  const recorded = recordLine(new TextEncoder().encode(line), place);
  if (recorded.kind === "bad") throw new Error(recorded.bad.reason);
  const { topic, payload, timeMs, isRetained } = recorded.message;
  return { topic, payload: new TextDecoder("latin1").decode(payload), timeMs, isRetained };
}

function bad(line: string | Uint8Array) {
  const bytes = typeof line === "string" ? new TextEncoder().encode(line) : line;
  const recorded = recordLine(bytes, place);
  if (recorded.kind === "message") throw new Error("it is a message");
  return `${recorded.bad.place.column}: ${recorded.bad.reason}`;
}

test("text is the payload as it is, everything else as JSON; bytes come in hex or base64", () => {
  const topic = "a/b";
  expect(message('{"topic":"a/b","payload":"21.5"}')).toMatchObject({ topic, payload: "21.5", timeMs: null });
  expect(message('{"topic":"a/b","payload":21.5}').payload).toBe("21.5");
  expect(message('{"topic":"a/b","payload":{"value": 1},"more":[]}').payload).toBe('{"value":1}');
  expect(message('{"topic":"a/b","payload":""}').payload).toBe("");
  expect(message('{"topic":"a/b","payload":null}').payload).toBe("null");
  expect(message('{"topic":"a/b","payloadHex":"00fFa0"}').payload).toBe("\0\xffa0".replace("a0", "\xa0"));
  expect(message('{"topic":"a/b","payloadBase64":"AP8="}').payload).toBe("\0\xff");
});

test("what mosquitto_sub -F %J and %j print is a recording, with its time and retain flag", () => {
  const start = '{"tst":"2026-01-06T01:35:51.811062Z+0800","topic":"a/b","qos":0,';
  const timeMs = Date.parse("2026-01-05T17:35:51.811Z");
  expect(message(`${start}"retain":1,"payloadlen":14,"payload":{"value":1.5}}`)).toEqual({
    topic: "a/b",
    payload: '{"value":1.5}',
    timeMs,
    isRetained: true,
  });
  expect(message(`${start}"retain":0,"payloadlen":8,"payload":"hello \\"x"}`)).toEqual({
    topic: "a/b",
    payload: 'hello "x',
    timeMs,
    isRetained: false,
  });
});

test("a line that is no message says where and why", () => {
  expect(bad('{"topic": "x", }')).toBe("16: not JSON: Expected double-quoted property name");
  expect(bad('{"topic": "x"')).toMatch(/^14: not JSON: /);
  expect(bad("nonsense")).toMatch(/^2: not JSON: Unexpected token 'o'/);
  expect(bad(Uint8Array.of(0x22, 0xff, 0x22))).toBe("1: not UTF-8");
  expect(bad("21.5")).toBe("1: not an object with topic and payload");
  expect(bad('["topic"]')).toBe("1: not an object with topic and payload");
  expect(bad('{"payload":1}')).toBe("1: it has no topic");
  expect(bad('{ "topic":"a/+","payload":1}')).toBe("3: its topic is none");
  expect(bad('{"topic":"a"}')).toBe("1: it has no payload");
  expect(bad('{"topic":"a","payloadHex":"0"}')).toBe("14: its payloadHex is not hexadecimal");
  expect(bad('{"topic":"a","payloadBase64":"?"}')).toBe("14: its payloadBase64 is not base64");
  expect(bad('{"topic":"a","payload":1,"time":"soon"}')).toBe("26: its time is none");
  expect(bad('{"topic":"a","payload":1,"tst":"soon"}')).toBe("26: its time is none");
});
