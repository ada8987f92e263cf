import type { IncomingMessage, ServerResponse } from "node:http";
import type { Fault, RecordedRequest } from "./faults.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** One request on its way to an answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Absolute. */
  readonly url: URL;
  readonly record: Mutable<RecordedRequest>;
  readonly fault: Fault;
  /** Fires when the connection is gone. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends a short answer; nothing but its headers to HEAD. */
export function send(exchange: Exchange, { status, headers = {}, body = "" }: Answer): void {
  const { request, response, record, fault } = exchange;
  record.status = status;
  response.writeHead(
    status,
    withFault({ "Content-Length": String(Buffer.byteLength(body)), ...headers }, fault),
  );
  response.end(request.method === "HEAD" ? undefined : body);
}

export function sendJson(exchange: Exchange, value: unknown, headers: Record<string, string> = {}) {
  send(exchange, {
    status: 200,
    headers: { "Content-Type": "application/json; charset=utf-8", ...headers },
    body: JSON.stringify(value),
  });
}

/** As the Hub says no: the code and the sentence in headers, the sentence again as JSON. */
export function sendError(
  exchange: Exchange,
  status: number,
  code: string | null,
  message: string,
) {
  send(exchange, {
    status,
    headers: {
      "Content-Type": "application/json; charset=utf-8",
      ...(code === null ? {} : { "X-Error-Code": code }),
      "X-Error-Message": message,
    },
    body: JSON.stringify({ error: message }),
  });
}

export function withFault(
  headers: Readonly<Record<string, string>>,
  fault: Fault,
): Record<string, string> {
  const result: Record<string, string> = { ...headers };
  for (const [name, value] of Object.entries(fault.headers ?? {})) {
    const present = Object.keys(result).find((key) => key.toLowerCase() === name.toLowerCase());
    if (present !== undefined) delete result[present];
    if (value !== null) result[name] = value;
  }
  return result;
}
