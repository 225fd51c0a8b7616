import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { problem } from "./problem.ts";
import type { ProblemCode } from "./problem.ts";

const PROBLEMS: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: "head_too_large",
  ERR_HTTP_REQUEST_TIMEOUT: "too_slow",
};

/** Answers what Node could not read as a request, and closes the connection. */
export function answerUnreadable(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const answer = problem(PROBLEMS[error.code ?? ""] ?? "bad_request", error.message);
  const line = `${answer.status} ${STATUS_CODES[answer.status]}`;
  const body = JSON.stringify(answer);
  // Who was answered may go on sending: the other half of the connection is closed too.
  socket.end(
    `HTTP/1.1 ${line}\r\ncontent-type: application/problem+json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
