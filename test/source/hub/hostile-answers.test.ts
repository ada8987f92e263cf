import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { connectHub, type HubOptions } from "../../../src/source/hub/hub.ts";
import { quickHost } from "../../download/scene.ts";

const repo = "org/model";
const commit = "1".repeat(40);
const { signal } = new AbortController();
const json = { "content-type": "application/json" };
const info = JSON.stringify({ sha: commit });
const entry = (path: string) => ({ type: "file", path, size: 1, oid: "2".repeat(40) });
const file = { repo, commit, path: "a.bin", blobName: "3".repeat(40) };
const whole = { ...file, range: null, address: null, idleTimeoutMs: 2000, signal };

/** A Hub that answers as told, after the question for the branch's commit. */
async function hostileHub(
  answer: (response: ServerResponse, url: string, times: number) => void,
  { branch = info, ...options }: Partial<HubOptions> & { branch?: string } = {},
) {
  const sockets = new Set<Socket>();
  let times = 0;
  const server = createServer((request, response) => {
    const url = request.url ?? "";
    response.on("error", () => {});
    if (url.includes("/revision/")) response.writeHead(200, json).end(branch);
    else answer(response, url, (times += 1));
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const host = quickHost(1000);
  return {
    endpoint,
    times: () => times,
    /** Resolves once heros has closed every connection that has an answer without an end. */
    async closed() {
      const closing = [...sockets].map((socket) => new Promise((done) => socket.on("close", done)));
      await Promise.all(closing);
    },
    hub: connectHub({ host, endpoint, token: null, ...options }),
    async [Symbol.asyncDispose]() {
      host.network.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Writes until nobody takes it any more. */
function pourForever(response: ServerResponse, piece = "x".repeat(65_536)): void {
  const write = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on("drain", write);
  write();
}

const failure = (code: string, exitCode: number) => ({ code, exitCode });

test.each([
  ["an object", "{}"],
  ["null", "null"],
  ["a number", "7"],
  ["a text", '"files"'],
  ["a list of nothing that is known", "[null]"],
  ["a list of lists", "[[]]"],
])("a listing that is %s is no Hub's", async (_, body) => {
  await using stage = await hostileHub((response) => response.writeHead(200, json).end(body));
  await expect(stage.hub.list(repo, "main", signal)).rejects.toMatchObject(
    failure("hub.captive_portal", 5),
  );
  expect(stage.times()).toBe(1);
});

test.each(["{}", "null", "7", "[]", '{"sha":null}'])(
  "neither is %s about a branch",
  async (branch) => {
    await using stage = await hostileHub((response) => response.end(), { branch });
    await expect(stage.hub.list(repo, "main", signal)).rejects.toMatchObject(
      failure("hub.captive_portal", 5),
    );
  },
);

test.each([
  ["no address", '<>; rel="next"'],
  ["half an address", '<http://[::1; rel="next"'],
  ["words", 'more; rel="next"'],
  ["another protocol", '<file:///etc/passwd>; rel="next"'],
])("a next page that has %s is said, for the list would lack files", async (_, link) => {
  await using stage = await hostileHub((response) =>
    response.writeHead(200, { ...json, link }).end("[]"),
  );
  await expect(stage.hub.list(repo, commit, signal)).rejects.toMatchObject(
    failure("hub.captive_portal", 5),
  );
});

test("a next page may be named without the Hub's own address, among other links", async () => {
  const link = '</x>; rel="first", </api/more?cursor=2>; title="a"; rel=next';
  await using stage = await hostileHub((response, url) => {
    const more = url.includes("cursor=2");
    const page = JSON.stringify([entry(more ? "b" : "a")]);
    response.writeHead(200, { ...json, ...(more ? {} : { link }) }).end(page);
  });
  const { files } = await stage.hub.list(repo, commit, signal);
  expect(files.map(({ path }) => path)).toEqual(["a", "b"]);
});

test.each([
  ["the same next page each time", () => "same", 2, "hub.captive_portal"],
  ["the same files under ever new pages", (times: number) => String(times), 2, "hub.unsafe_path"],
])("a server that passes over the cursor and gives %s is left", async (_, cursor, most, code) => {
  await using stage = await hostileHub((response, _url, times) => {
    const link = `</api/models/${repo}/tree/${commit}?cursor=${cursor(times)}>; rel="next"`;
    const files = cursor(1) === cursor(2) && times > 1 ? [] : [entry("a")];
    response.writeHead(200, { ...json, link }).end(JSON.stringify(files));
  });
  const listed = stage.hub.list(repo, commit, signal);
  await expect(listed).rejects.toMatchObject({ code });
  expect(stage.times()).toBe(most);
});

test("a name that no file can have is refused with its listing", async () => {
  const body = JSON.stringify([entry("a\ud800.json")]);
  await using stage = await hostileHub((response) => response.writeHead(200, json).end(body));
  await expect(stage.hub.list(repo, commit, signal)).rejects.toMatchObject(
    failure("hub.unsafe_path", 1),
  );
});

test("pages that are too much together are not kept in memory", async () => {
  const page = (times: number): string =>
    JSON.stringify([{ ...entry(`f${times}`), note: "x".repeat(9_000_000) }]);
  await using stage = await hostileHub((response, _url, times) => {
    const link = `</api/models/${repo}/tree/${commit}?cursor=${times}>; rel="next"`;
    response.writeHead(200, { ...json, link }).end(page(times));
  });
  await expect(stage.hub.list(repo, commit, signal)).rejects.toMatchObject(
    failure("hub.captive_portal", 5),
  );
  expect(stage.times()).toBeLessThan(10);
});

test.each([
  ["a listing", 200, json],
  ["an error", 404, { "content-type": "text/html" }],
])("%s without an end is not read for ever", async (_, status, headers) => {
  await using stage = await hostileHub((response) => {
    response.writeHead(status, headers);
    pourForever(response);
  });
  const listed = stage.hub.list(repo, commit, signal);
  await expect(listed).rejects.toMatchObject({ exitCode: 5 });
  await stage.closed();
});

test("a packed listing is unpacked, and no further than it may be long", async () => {
  let body = gzipSync(JSON.stringify([entry("a")]));
  await using stage = await hostileHub((response) =>
    response.writeHead(200, { ...json, "content-encoding": "gzip" }).end(body),
  );
  expect((await stage.hub.list(repo, commit, signal)).files).toHaveLength(1);
  const otherRepo = "org/other";
  for (const packed of [gzipSync(Buffer.alloc(100_000_000, " ")), Buffer.from("no gzip")]) {
    body = packed;
    await expect(stage.hub.list(otherRepo, commit, signal)).rejects.toMatchObject(
      failure("hub.captive_portal", 5),
    );
  }
});

test("an answer that comes a byte at a time is given up, and a mirror is asked", async () => {
  const timers: NodeJS.Timeout[] = [];
  await using slow = await hostileHub((response) => {
    response.writeHead(200, json);
    timers.push(setInterval(() => response.write(" "), 5));
  });
  await using mirror = await hostileHub((response) => {
    response.writeHead(200, json).end(JSON.stringify([entry("a")]));
  });
  const { endpoint } = slow;
  const host = quickHost(1000);
  const hub = connectHub({
    host,
    endpoint,
    mirrors: [mirror.endpoint],
    token: null,
    answerLimitMs: 100,
  });
  expect((await hub.list(repo, commit, signal)).files).toHaveLength(1);
  host.network.close();
  for (const timer of timers) clearInterval(timer);
});

test.each([
  ["names another content", 200, { etag: `"${"4".repeat(40)}"`, "content-length": "9" }],
  ["is packed", 200, { "content-encoding": "gzip", "content-length": "9" }],
  ["sends us to no address", 302, { location: "http://[::1" }],
  ["sends us where it is not safe", 307, { location: "http://mirror.example/a" }],
])("an answer about a file that %s is over with its connection", async (_, status, headers) => {
  await using stage = await hostileHub((response) => {
    response.writeHead(status, headers);
    response.write("abc");
  });
  await expect(stage.hub.open({ ...whole, idleTimeoutMs: 600_000 })).rejects.toThrow();
  await stage.closed();
});

test("a redirect's own body is not read for ever", async () => {
  await using content = await hostileHub((response) => response.writeHead(200).end("a"));
  await using stage = await hostileHub((response) => {
    response.writeHead(302, { location: `${content.endpoint}/a` });
    pourForever(response);
  });
  const { response } = await stage.hub.open(whole);
  expect(response.status).toBe(200);
  await stage.closed();
  response.body.destroy();
});
