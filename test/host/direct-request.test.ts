import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { realNetwork } from "../../src/host/network.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(answer: string): Promise<string> {
  const server = createServer((_request, response) => response.end(answer));
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}

test("a direct request passes the proxies of the environment by", async () => {
  const proxy = await serve("proxy");
  const annie = await serve("annie");
  const network = realNetwork({ http_proxy: proxy });

  const through = await network.request({ url: `${annie}/health` });
  const direct = await network.request({ url: `${annie}/health`, direct: true });

  expect(await text(through.body)).toBe("proxy");
  expect(await text(direct.body)).toBe("annie");
  network.close();
});
