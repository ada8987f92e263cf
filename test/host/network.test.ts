import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, it } from "vitest";
import { isLoopback, realNetwork } from "../../src/host/network.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(answer: string): Promise<string> {
  const server = createServer((_request, response) => response.end(answer));
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

it("knows which addresses stay on this machine", () => {
  expect(["localhost", "127.0.0.1", "127.8.9.1", "[::1]"].every(isLoopback)).toBe(true);
  expect(
    ["localhost.example", "127.0.0.1.example", "128.0.0.1", "huggingface.co"].some(isLoopback),
  ).toBe(false);
});
