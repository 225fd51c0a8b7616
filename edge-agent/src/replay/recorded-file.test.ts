// Files as messages: line ends, the byte order mark, chunks that cut lines, packed files, and each kind of file.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import type { FileReading } from "./file-reading.ts";
import { placeText } from "./recorded-message.ts";
import { recordedFile } from "./recorded-file.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-replay-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(content: string | Uint8Array, reading: FileReading, name = "x") {
  const path = join(folder, name);
  writeFileSync(path, content);
  const seen: string[] = [];
  let readBytes = 0;
  for await (const chunk of recordedFile({ path, reading, progress: (bytes) => (readBytes = bytes) })) {
    for (const recorded of chunk) {
      if (recorded.kind === "bad") {
        seen.push(`${placeText(recorded.bad.place).slice(folder.length + 1)} ${recorded.bad.reason}`);
        continue;
      }
      const { topic, payload, timeMs, malformed, place } = recorded.message;
      const time = timeMs === null ? "" : ` at ${timeMs}`;
      seen.push(`${place.line} ${topic} ${malformed ?? new TextDecoder().decode(payload)}${time}`);
    }
  }
  return { seen, readBytes };
}

const record = (topic: string) => JSON.stringify({ topic, payload: "1" });

test("records: empty lines count as lines, line ends of either kind and a mark at the beginning are no part of them", async () => {
  const content = `\uFEFF${record("a")}\r\n\n${record("b")}\nwrong\n${record("c")}`;
  const { seen, readBytes } = await read(content, { kind: "records" });
  expect(seen.slice(0, 2)).toEqual(["1 a 1", "3 b 1"]);
  expect(seen[2]).toMatch(/^x:4:1 not JSON/);
  expect(seen[3]).toBe("5 c 1");
  expect(readBytes).toBe(Buffer.byteLength(content));
});

test("lines that chunks cut are whole, in a packed file too", async () => {
  const topics = Array.from({ length: 20_000 }, (_, index) => `topic/${index}`);
  const content = topics.map(record).join("\n");
  const expected = topics.map((topic, index) => `${index + 1} ${topic} 1`);
  expect((await read(content, { kind: "records" })).seen).toEqual(expected);
  expect((await read(gzipSync(content), { kind: "records" }, "x.gz")).seen).toEqual(expected);
});

test("a packed file that is cut, and one that is not there, are no readable files", async () => {
  const packed = gzipSync(record("a").repeat(1000));
  const cut = read(packed.subarray(0, packed.length / 2), { kind: "records" }, "y.gz");
  await expect(cut).rejects.toMatchObject({ code: "file_unreadable" });
  const missing = recordedFile({
    path: join(folder, "none"),
    reading: { kind: "records" },
    progress: () => {},
  });
  await expect(missing.next()).rejects.toMatchObject({ code: "file_unreadable" });
});

test("a line without end takes no memory without end, and costs no other line", async () => {
  const { seen } = await read(
    Buffer.concat([Buffer.alloc(33 * 2 ** 20, "x"), Buffer.from(`\n${record("a")}`)]),
    {
      kind: "records",
    },
  );
  expect(seen).toEqual(["x:1:1 longer than 33554432 bytes", "2 a 1"]);
});

test("rows of a CSV file become objects, with the time that a column gives", async () => {
  const reading = (timeField: string | null): FileReading => ({
    kind: "payloads",
    topic: "skab/1",
    format: { kind: "csv", delimiter: ";" },
    timeField,
  });
  const content = "when;value\n2026-01-05 10:00:00;21.5\nnever;22\n1;2;3\n";
  expect((await read(content, reading("when"))).seen).toEqual([
    `2 skab/1 {"when":"2026-01-05 10:00:00","value":"21.5"} at ${Date.parse("2026-01-05T10:00:00Z")}`,
    "x:3:1 when is no time, or is not there",
    "4 skab/1 3 cells, and the header has 2",
  ]);
  expect((await read(content, reading(null))).seen[1]).toBe('3 skab/1 {"when":"never","value":"22"}');
});

test("line protocol comes by its measurement, its times in ns", async () => {
  const content = "# comment\ncpu,host=a usage=1.5 1767225600000\n=broken\nmem free=2i\n";
  expect((await read(content, { kind: "influx", nsPerUnit: 1_000_000n })).seen).toEqual([
    "2 influx/cpu cpu,host=a usage=1.5 1767225600000000000",
    "3 influx/=broken there is no field=value",
    "4 influx/mem mem free=2i",
  ]);
});
