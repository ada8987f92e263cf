import { Readable } from "node:stream";
import type { Host } from "../../../src/host/host.ts";
import type { HttpResponse } from "../../../src/host/network.ts";
import { Secret } from "../../../src/run/secret.ts";
import type { Session } from "../../../src/source/hub/request.ts";
import { quickHost } from "../../download/scene.ts";

/** Of a Hub at `endpoint` with a token, whose answers come from here and not from a network. */
export function sessionOver(
  endpoint: string,
  request: Host["network"]["request"],
  read: Host["network"]["read"] = request,
): Session {
  const host = quickHost();
  return {
    host: { ...host, network: { ...host.network, request, read } },
    endpoint,
    token: new Secret("hf_first"),
    answerLimitMs: 1000,
  };
}

export function answerOf(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: Readable = Readable.from([]),
): HttpResponse {
  return { status, headers, body, reach: "public" };
}
