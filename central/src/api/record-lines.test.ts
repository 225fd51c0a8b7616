// A body of records is cut at the right places, whatever the records hold.
import fc from "fast-check";
import { expect, test } from "vitest";
import { recordLines, REQUEST_RECORDS_MAX } from "./record-lines.ts";

const cut = (body: string, contentType?: string) => {
  const found = recordLines(new TextEncoder().encode(body), contentType);
  if ("problem" in found) return found.problem;
  const { values, places, placeName } = found;
  return { records: values.map((value) => new TextDecoder().decode(value).trim()), places, placeName };
};
const written = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value));

test("lines and arrays of any records", () => {
  fc.assert(
    fc.property(fc.array(fc.object()), fc.constantFrom("", " ", "\n", "\t\r\n "), (values, space) => {
      const records = written(values);
      const array = `${space}[${space}${records.join(`${space},${space}`)}${space}]${space}`;
      expect(cut(array)).toMatchObject({ records, places: [...records.keys()], placeName: "index" });
      expect(cut(records.join("\n"))).toMatchObject({ records, placeName: "line" });
    }),
  );
});

test("one object over many lines is one record", () => {
  fc.assert(
    fc.property(fc.object(), (value) => {
      const body = `\n${JSON.stringify(value, null, 2)}\n\n`;
      expect(cut(body)).toMatchObject({ records: [body.trim()], places: [1] });
    }),
  );
});

test("a byte order mark before them is none of the first record", () => {
  for (const body of ['{"a":1}\n{"a":2}', '[{"a":1},{"a":2}]', '{\n"a":1}', ""]) {
    const found = recordLines(Buffer.from(`\ufeff${body}`));
    expect(found).toEqual(recordLines(Buffer.from(body)));
  }
});

test("empty lines count as lines and are no records; a wrong line is one record's matter", () => {
  expect(cut('{"a":1}\r\n\n  \n{"a":\n{"a":2}')).toEqual({
    records: ['{"a":1}', '{"a":', '{"a":2}'],
    places: [1, 4, 5],
    placeName: "line",
  });
  expect(cut("")).toMatchObject({ records: [] });
  expect(cut("[]")).toMatchObject({ records: [] });
});

test("an array in the first of several lines is one record's matter, as in any other", () => {
  for (const first of ["[1]", "[]", ' [{"a":1},2] ', "[1] x"])
    expect(cut(`${first}\n{"a":1}\n{"a":2}\n`)).toEqual({
      records: [first.trim(), '{"a":1}', '{"a":2}'],
      places: [1, 2, 3],
      placeName: "line",
    });
  expect(cut('[1]\n\n{"a":1}')).toMatchObject({ records: ["[1]", '{"a":1}'], places: [1, 3] });
  expect(cut("[1]\n\n")).toMatchObject({ records: ["1"], placeName: "index" });
  expect(cut('[1,\n2]\n{"a":1}')).toBe("something stands behind the array");
});

test("where the type says lines they are lines, whatever the first one is", () => {
  for (const type of [
    "application/x-ndjson",
    "application/ndjson; charset=utf-8",
    "Application/JSONL",
    "application/x-jsonlines",
  ]) {
    expect(cut('["a\n{"a":1}', type)).toMatchObject({ records: ['["a', '{"a":1}'], places: [1, 2] });
    expect(cut("[1,2]", type)).toMatchObject({ records: ["[1,2]"], placeName: "line" });
    expect(cut('{\n"a":1}', type)).toMatchObject({ records: ["{", '"a":1}'] });
  }
  expect(cut("[1,2]", "application/jsonlink")).toMatchObject({ placeName: "index" });
});

test("an array that is none is refused whole", () => {
  expect(cut('[{"a":1},{"a":')).toBe("the array does not end: element 1 is cut off");
  expect(cut('[{"a":1} {"a":2}]')).toBe("no comma behind element 0 of the array");
  expect(cut('[{"a":1}] x')).toBe("something stands behind the array");
  expect(cut('["a')).toBe("the array does not end: element 0 is cut off");
  expect(cut(`[${"1,".repeat(REQUEST_RECORDS_MAX)}1]`)).toMatch(/more than 100000 records/);
  expect(cut("1\n".repeat(REQUEST_RECORDS_MAX + 1))).toMatch(/more than 100000 records/);
});
