import type dns from "node:dns";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHttpClient } from "../../src/host/http-client.ts";
import { readNoProxy, readProxies } from "../../src/host/proxies.ts";
import { reachOf } from "../../src/host/address-reach.ts";

let server: Server;
let port = 0;
let asked = 0;

beforeEach(async () => {
  asked = 0;
  server = createServer((_request, response) => {
    asked += 1;
    response.end("secret");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A resolver that gives this address for every name. */
function everyNameIs(address: string): typeof dns.lookup {
  const resolve = (_host: string, _options: unknown, done: (...given: unknown[]) => void): void =>
    done(null, [{ address, family: 4 }]);
  return resolve as unknown as typeof dns.lookup;
}

test.each([
  ["127.0.0.1", "machine"],
  ["127.9.9.9", "machine"],
  ["0.0.0.0", "machine"],
  ["::1", "machine"],
  ["[::1]", "machine"],
  ["::", "machine"],
  ["::ffff:127.0.0.1", "machine"],
  ["::ffff:7f00:1", "machine"],
  ["64:ff9b::a00:1", "private"],
  ["10.1.2.3", "private"],
  ["172.31.0.1", "private"],
  ["192.168.1.1", "private"],
  ["169.254.169.254", "private"],
  ["100.100.1.1", "private"],
  ["fd00::1", "private"],
  ["fe80::1%eth0", "private"],
  ["172.32.0.1", "public"],
  ["11.0.0.1", "public"],
  ["198.18.0.7", "public"],
  ["2606:4700::1", "public"],
  ["::ffff:8.8.8.8", "public"],
])("%s is an address of %s", (address, reach) => {
  expect(reachOf(address)).toBe(reach);
});

test.each(["request", "read"] as const)(
  "%s makes no connection to an address that is nearer than it may be, whatever its name",
  async (way) => {
    const clients = createHttpClient({}, everyNameIs("127.0.0.1"));
    const ask = (host: string, noNearerThan?: "private" | "public") =>
      clients[way]({
        url: `http://${host}:${port}/admin`,
        ...(noNearerThan === undefined ? {} : { noNearerThan }),
      });
    const refused = { code: "ERR_ADDRESS_TOO_NEAR" };
    for (const host of ["innocent.example", "127.0.0.1", "0x7f.1", "a.localhost"]) {
      await expect(ask(host, "public")).rejects.toMatchObject(refused);
      await expect(ask(host, "private")).rejects.toMatchObject(refused);
    }
    expect(asked).toBe(0);
    const { reach, body } = await ask("innocent.example");
    expect(reach).toBe("machine");
    const ended = new Promise<void>((resolve) => void body.once("end", resolve));
    body.resume();
    await ended;
    // Its connection is kept now, and must not serve either.
    await expect(ask("innocent.example", "public")).rejects.toMatchObject(refused);
    expect(asked).toBe(1);
    clients.close();
  },
);

test.each(["request", "read"] as const)(
  "%s looks for what is called localhost on this machine, whatever the resolver says",
  async (way) => {
    const clients = createHttpClient({}, everyNameIs("192.0.2.1"));
    for (const host of ["x.localhost", "localhost"]) {
      const { reach, body } = await clients[way]({ url: `http://${host}:${port}/` });
      expect(reach).toBe("machine");
      body.resume();
    }
    expect(asked).toBe(2);
    clients.close();
  },
);

test.each([
  ["10.0.0.0/8", "http://10.9.9.9", true],
  ["10.0.0.0/8", "http://11.9.9.9", false],
  ["10.0.0.0/8", "http://10.example", false],
  ["fd00::/8", "https://[fd12::1]", true],
  ["10.0.0.1-10.0.0.9", "http://10.0.0.5", true],
  ["10.0.0.5", "http://10.0.0.5:8080", true],
  ["10.0.0.5:80", "http://10.0.0.5:8080", false],
  ["10.0.0.5:8080", "http://10.0.0.5:8080", true],
  ["[fd12::1]", "https://[fd12::1]", true],
  ["example.com", "https://example.com", true],
  ["example.com", "https://hub.example.com", true],
  [".example.com", "https://hub.EXAMPLE.com.", true],
  ["*.example.com", "https://hub.example.com", true],
  ["example.com", "https://notexample.com", false],
  ["example.com:443", "https://hub.example.com", true],
  ["example.com:80", "https://hub.example.com", false],
  ["a, b example.com", "https://example.com", true],
  ["*", "https://huggingface.co", true],
  ["", "https://huggingface.co", false],
  ["10.0.0.0/99, /8, ::/x, -", "http://10.0.0.1", false],
])("NO_PROXY=%s and %s: %s", (text, url, expected) => {
  expect(readNoProxy(text)(new URL(url))).toBe(expected);
});

test.each([
  ["proxy:3128", "http://proxy:3128/"],
  ["http://ann:p%ss@proxy:3128", "http://ann:p%25ss@proxy:3128/"],
  ["http://ann:p#s@s/?@proxy:3128/", "http://ann:p%23s%40s%2F%3F@proxy:3128/"],
  ["http://ann:p%40ss@proxy:3128", "http://ann:p%40ss@proxy:3128/"],
  ["https://ann@[fd00::1]:3128", "https://ann@[fd00::1]:3128/"],
])("the proxy %s is read as %s", (given, expected) => {
  expect(readProxies({ https_proxy: given }).env["https_proxy"]).toBe(expected);
});

test("what no proxy of ours can serve is said where it would be used, and only there", () => {
  const { isProxied } = readProxies({ ALL_PROXY: "socks5://me:pw@host:1080", NO_PROXY: "hub.lan" });
  expect(() => isProxied(new URL("https://huggingface.co"))).toThrow(/ALL_PROXY names a SOCKS/u);
  expect(isProxied(new URL("https://hub.lan"))).toBe(false);
});
