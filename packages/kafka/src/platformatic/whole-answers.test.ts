// An answer that came in pieces is read from one, and is the same.
import { Connection, Reader, Writer } from "@platformatic/kafka";
import { expect, test } from "vitest";
import { wholeAnswers } from "./whole-answers.ts";

test("an answer in three pieces is parsed out of one", () => {
  const connection = new Connection("test");
  const pieces = Writer.create().appendInt32(1).appendString("orders").appendInt32(7);
  connection.send = (apiKey, apiVersion, _, parse) => void parse(5, apiKey, apiVersion, Reader.from(pieces));
  wholeAnswers(connection);
  let read: unknown;
  const parse = (correlationId: number, apiKey: number, apiVersion: number, reader: Reader) => {
    const pieceCount = reader.buffer.buffers.length;
    const fields = [reader.readInt32(), reader.readString(), reader.readInt32()];
    read = { correlationId, apiKey, apiVersion, pieceCount, fields };
  };
  connection.send(
    1,
    17,
    () => pieces,
    parse,
    true,
    true,
    () => undefined,
  );
  expect(pieces.buffers.length).toBeGreaterThan(2);
  expect(read).toEqual({
    correlationId: 5,
    apiKey: 1,
    apiVersion: 17,
    pieceCount: 1,
    fields: [1, "orders", 7],
  });
});
