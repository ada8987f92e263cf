import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { type EventEmitter, once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ByteStream } from "../../src/host/network.ts";
import {
  createHttpStreamClient,
  type HttpStreamClient,
} from "../../src/host/http-stream-client.ts";

let server: Server;
let client: HttpStreamClient;
let url = "";
let connections = 0;
/** What the server does with each request's head. */
let answer: (socket: Socket, head: string) => void = () => {};

beforeEach(async () => {
  connections = 0;
  client = createHttpStreamClient();
  server = createServer((socket) => {
    connections += 1;
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      if (!text.endsWith("\r\n\r\n")) return;
      const head = text;
      text = "";
      answer(socket, head);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/file?x=1`;
});
afterEach(() => {
  client.close();
  server.close();
});

function readAll(body: ByteStream): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    body.on("data", (piece) => void (text += piece.toString("latin1")));
    body.on("error", reject);
    body.on("end", () => resolve(text));
  });
}

async function get(options: { signal?: AbortSignal; idleTimeoutMs?: number } = {}) {
  const response = await client.read({ url, headers: { range: "bytes=0-4" }, ...options });
  return { ...response, text: readAll(response.body) };
}

test("an answer is read whatever the pieces it comes in, and the connection serves again", async () => {
  const whole =
    "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello";
  answer = (socket, head) => {
    expect(head).toMatch(/^GET \/file\?x=1 HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/u);
    expect(head).toContain("range: bytes=0-4\r\n");
    const send = (at: number): void => {
      if (at < whole.length)
        socket.write(whole.slice(at, at + 7), () => setImmediate(send, at + 7));
    };
    send(0);
  };
  for (let times = 0; times < 3; times += 1) {
    const { status, headers, text } = await get();
    expect([status, headers["x-a"], await text]).toEqual([206, "1, 2", "hello"]);
  }
  expect(connections).toBe(1);
});

test("a large body can be paused, and nothing is lost or mixed up", async () => {
  const body = Buffer.alloc(3_000_000, "0123456789");
  answer = (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body);
  };
  const response = await client.read({ url });
  const parts: Buffer[] = [];
  response.body.on("data", (piece) => {
    parts.push(Buffer.from(piece));
    response.body.pause();
    setImmediate(() => response.body.resume());
  });
  await new Promise<void>((resolve) => void response.body.on("end", resolve));
  expect(Buffer.concat(parts).equals(body)).toBe(true);
});

test.each([
  ["shorter than it said", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "ECONNRESET"],
  [
    "longer than it said",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello",
    "HPE_INVALID_CONSTANT",
  ],
])("a body that is %s is an error", async (_, reply, code) => {
  answer = (socket) => socket.end(reply, "latin1");
  const { text } = await get();
  await expect(text).rejects.toThrow(expect.objectContaining({ code }));
});

test("what is no HTTP, and a head without end, are errors", async () => {
  for (const reply of ["SSH-2.0-OpenSSH\r\n\r\n", `HTTP/1.1 200 OK\r\nX: ${"y".repeat(70_000)}`]) {
    answer = (socket) => void socket.write(reply);
    await expect(get()).rejects.toThrow(expect.objectContaining({ code: "HPE_INVALID_CONSTANT" }));
  }
});

const inChunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

test("an answer in chunks is read whatever the pieces it comes in, and the connection serves again", async () => {
  const whole = `${inChunks}5;x=1\r\nhello\r\n0006\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n`;
  for (let size = 1; size <= whole.length; size += size < 12 ? 1 : 12) {
    answer = (socket) => {
      const send = (at: number): void => {
        if (at < whole.length)
          socket.write(whole.slice(at, at + size), () => setImmediate(send, at + size));
      };
      send(0);
    };
    expect(await (await get()).text).toBe("hello world");
  }
  expect(connections).toBe(1);
});

test("an answer in chunks can be paused", async () => {
  const sent = Array.from({ length: 50 }, (_, index) => `${index} `.repeat(500));
  const chunks = sent.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join("");
  answer = (socket) => void socket.write(`${inChunks}${chunks}0\r\n\r\n`);
  const { body } = await client.read({ url });
  body.on("data", () => {
    body.pause();
    setImmediate(() => body.resume());
  });
  expect(await readAll(body)).toBe(sent.join(""));
});

test.each([
  ["a length that is none", "five\r\nhello\r\n"],
  ["more than its length", "5\r\nhello!\r\n"],
  ["a length without end", "0".repeat(20_000)],
])("an answer in chunks with %s is an error", async (_, body) => {
  answer = (socket) => void socket.write(inChunks + body);
  await expect((await get()).text).rejects.toMatchObject({ code: "HPE_INVALID_CONSTANT" });
});

test("an answer in chunks that is cut before its last is an error", async () => {
  answer = (socket) => socket.end(`${inChunks}5\r\nhello\r\n`);
  await expect((await get()).text).rejects.toMatchObject({ code: "ECONNRESET" });
});

test("an answer without a length ends with its connection", async () => {
  answer = (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nhello", "latin1");
  expect(await (await get()).text).toBe("hello");
});

test("a kept connection that the server has closed meanwhile is replaced without a word", async () => {
  answer = (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  expect(await (await get()).text).toBe("ok");
  // The next request on this connection meets its end; on a new one it is answered.
  const reply = answer;
  answer = (socket) => {
    answer = reply;
    socket.destroy();
  };
  expect(await (await get()).text).toBe("ok");
  expect(connections).toBe(2);
});

test("silence and an abort end a request before its answer, and in its middle", async () => {
  const stop = new AbortController();
  answer = () => stop.abort();
  await expect(get({ signal: stop.signal })).rejects.toThrow(
    expect.objectContaining({ name: "AbortError" }),
  );
  answer = () => {};
  const silent = expect.objectContaining({ code: "ETIMEDOUT" }) as unknown as Error;
  await expect(get({ idleTimeoutMs: 30 })).rejects.toThrow(silent);
  answer = (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
  const { text } = await get({ idleTimeoutMs: 30 });
  await expect(text).rejects.toThrow(silent);
});

test("bytes that waited while the program was stopped are no silence", async () => {
  // In a process of its own: it goes on while this one stands still, and a file says that all is sent.
  const folder = await mkdtemp(join(tmpdir(), "heros-silence-"));
  const sent = join(folder, "sent");
  const code = `require("net").createServer((s) => s.once("data", () => {
    s.write("HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhello");
    process.stdin.once("data", () => {
      s.write("world", () => require("fs").writeFileSync(${JSON.stringify(sent)}, ""));
    });
  })).listen(0, "127.0.0.1", function () { console.log(this.address().port); });`;
  const elsewhere = spawn(process.execPath, ["-e", code]);
  try {
    const [line] = (await once(elsewhere.stdout, "data")) as [Buffer];
    const other = `http://127.0.0.1:${line.toString().trim()}/`;
    const response = await client.read({ url: other, idleTimeoutMs: 2000 });
    const text = readAll(response.body);
    await turn();
    elsewhere.stdin.write("go on");
    const cell = new Int32Array(new SharedArrayBuffer(4));
    for (let waitedMs = 0; waitedMs < 2500 || !existsSync(sent); waitedMs += 100) {
      Atomics.wait(cell, 0, 0, 100);
    }
    expect(await text).toBe("helloworld");
  } finally {
    elsewhere.kill();
    await rm(folder, { recursive: true });
  }
});

test("a header that would break the request apart is refused", async () => {
  await expect(client.read({ url, headers: { a: "b\r\nc: d" } })).rejects.toThrow(TypeError);
});

test("a body is read straight into the buffers that its reader gives", async () => {
  const content = Buffer.from(Array.from({ length: 2_000_000 }, (_, index) => index % 251));
  answer = (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n`);
    socket.write(content);
  };
  const response = await client.read({ url });
  const place = Buffer.alloc(content.length);
  let filled = 0;
  let copied = 0;
  response.body.readInto?.(() => place.subarray(filled));
  response.body.on("data", (piece) => {
    if (piece.buffer !== place.buffer || piece.byteOffset !== place.byteOffset + filled) {
      copied += piece.copy(place, filled);
    }
    filled += piece.length;
    // Pauses lose nothing, and move nothing.
    if (filled % 3 === 0) response.body.pause();
    setImmediate(() => response.body.resume());
  });
  await once(response.body as ByteStream & EventEmitter, "end");
  expect(place.equals(content)).toBe(true);
  expect(copied).toBeLessThan(content.length);
});
