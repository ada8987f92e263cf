import { once } from "node:events";
import { createServer } from "node:http";
import process from "node:process";
import { setImmediate as nextTurn } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { Host } from "../../src/host/host.ts";
import { realHost } from "../../src/host/real-host.ts";

/** The real host, on a clock that moves only when somebody waits: as far as they wait, at once. */
export function testHost(): Host & { readonly waits: readonly number[] } {
  const host = realHost({
    env: {},
    home: "/nonexistent",
    cwd: "/",
    pid: process.pid,
    platform: "linux",
    nodeArch: process.arch,
  });
  let nowMs = 1000;
  const waits: number[] = [];
  return {
    ...host,
    waits,
    clock: {
      monotonicMs: () => nowMs,
      now: () => new Date(nowMs),
      async sleep(ms, signal) {
        signal?.throwIfAborted();
        await nextTurn();
        signal?.throwIfAborted();
        nowMs += ms;
        waits.push(ms);
      },
    },
  };
}

export interface AnnieServer {
  readonly url: string;
  /** How often she was asked. */
  asked(): number;
  close(): Promise<void>;
}

/** Answers every request with this, as JSON unless it is text; with a function, by the number of the request from 1. */
export async function annieServer(answer: unknown, status = 200): Promise<AnnieServer> {
  let count = 0;
  const server = createServer((_request, response) => {
    count += 1;
    const body: unknown =
      typeof answer === "function" ? (answer as (n: number) => unknown)(count) : answer;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  onTestFinished(close);
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  return { url: `http://127.0.0.1:${port}/health`, asked: () => count, close };
}
