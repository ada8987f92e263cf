import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, it } from "vitest";
import { isLoopback } from "../../src/host/network.ts";
import { realNetwork } from "../../src/host/real-host.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(answer: string): Promise<string> {
  return listen((_request, response) => void response.end(answer));
}

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("goes through the proxy of the environment, but never to what runs on this machine", async () => {
  const proxy = await serve("by the proxy");
  const local = await serve("from the machine itself");
  const network = realNetwork({ HTTP_PROXY: proxy, http_proxy: proxy });
  const far = await network.request({ url: "http://hub.invalid/file" });
  expect(await text(far.body)).toBe("by the proxy");
  const near = await network.request({ url: local });
  expect(await text(near.body)).toBe("from the machine itself");
  network.close();
});

it("gives up an answer that goes silent, before its first byte and after it, and no slow one", async () => {
  const network = realNetwork({});
  const silent = { code: "ETIMEDOUT" };
  const never = await listen(() => {});
  await expect(network.request({ url: never, idleTimeoutMs: 60 })).rejects.toMatchObject(silent);

  const half = await listen((_request, response) => {
    response.writeHead(200, { "content-length": 10 }).write("half");
  });
  const { body } = await network.request({ url: half, idleTimeoutMs: 60 });
  await expect(text(body)).rejects.toMatchObject(silent);

  const slow = await listen((_request, response) => {
    let left = 10;
    response.writeHead(200, { "content-length": 10 });
    const timer = setInterval(() => {
      response.write("x");
      if ((left -= 1) === 0) clearInterval(timer);
    }, 50);
  });
  const whole = await network.request({ url: slow, idleTimeoutMs: 400 });
  expect(await text(whole.body)).toBe("x".repeat(10));
  network.close();
});

it("knows which addresses stay on this machine", () => {
  expect(["localhost", "127.0.0.1", "127.8.9.1", "[::1]"].every(isLoopback)).toBe(true);
  expect(
    ["localhost.example", "127.0.0.1.example", "128.0.0.1", "huggingface.co"].some(isLoopback),
  ).toBe(false);
});
