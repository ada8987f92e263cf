import { healthAt } from "../her-os.ts";
import { createServer as createTcpServer } from "node:net";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { askHealth } from "../../src/health/health.ts";
import { annieServer, testHost } from "./fixtures.ts";

const never = new AbortController().signal;

test("the contract is read, and what it does not name is passed over", async () => {
  const server = await annieServer({
    status: "healthy",
    version: "9",
    checks: {
      gpu: { available: true },
      models: {
        whisper: { status: "downloading", progress: "45%", speed: 3 },
        embedding: { status: "ready", source: "baked" },
        number: { status: "loading", progress: 7 },
      },
    },
    capabilities: { memory_search: true, voice_stt: false, odd: "yes" },
  });
  expect(await askHealth(testHost(), healthAt(server.url), never)).toEqual({
    from: "stack",
    isDefinite: true,
    health: {
      status: "healthy",
      capabilities: { memory_search: true, voice_stt: false, odd: false },
      models: {
        whisper: { status: "downloading", progress: "45%" },
        embedding: { status: "ready", source: "baked" },
        number: { status: "loading", progress: "7" },
      },
    },
  });
});

test("a report with another HTTP status is a report all the same", async () => {
  const server = await annieServer({ status: "starting" }, 503);
  expect(await askHealth(testHost(), healthAt(server.url), never)).toMatchObject({
    from: "stack",
    health: { status: "starting", capabilities: {}, models: {} },
  });
});

test.each([
  ["a web page", "<html>router login</html>"],
  ["nothing", ""],
  ["half a report", '{"status": "heal'],
  ["another program's JSON", '{"ok": true}'],
  ["a list", "[1]"],
  ["null", "null"],
  ["more than any report", " ".repeat(2_000_000)],
])("%s is somebody else's answer", async (_what, body) => {
  const server = await annieServer(body);
  expect(await askHealth(testHost(), healthAt(server.url), never)).toEqual({
    from: "stranger",
    isDefinite: true,
    health: { status: "starting", capabilities: {}, models: {} },
  });
});

test("a refused connection is no answer", async () => {
  const server = await annieServer({});
  await server.close();
  expect(await askHealth(testHost(), healthAt(server.url), never)).toMatchObject({
    from: "nobody",
    health: { status: "unreachable" },
  });
});

test("a connection that is cut, or is not HTTP, is no answer", async () => {
  for (const words of [
    "",
    "220 mail ready\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
  ]) {
    const server = createTcpServer((socket) => socket.on("error", () => {}).end(words)).listen(
      0,
      "127.0.0.1",
    );
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    expect(
      await askHealth(testHost(), healthAt(`http://127.0.0.1:${port}/health`), never),
    ).toMatchObject({
      from: "nobody",
    });
  }
});

test("an interrupted question is interrupted, not answered", async () => {
  const stop = new AbortController();
  stop.abort();
  await expect(
    askHealth(testHost(), healthAt("http://127.0.0.1:9"), stop.signal),
  ).rejects.toMatchObject({
    name: "AbortError",
  });
});
