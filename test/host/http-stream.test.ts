import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { HttpStream } from "../../src/host/http-stream.ts";

/** An exchange over a connection that goes on handing bytes over although it was told to stop, as TLS does. */
function openExchange() {
  const told: string[] = [];
  const exchange = new HttpStream(
    {
      readOn: () => void told.push("read on"),
      stopReading: () => void told.push("stop"),
      release: (reusable) => void told.push(reusable ? "keep" : "close"),
      destroy: () => void told.push("destroy"),
    },
    () => void told.push("head"),
  );
  exchange.on("error", (error: Error) => void told.push(error.message));
  exchange.on("end", () => void told.push("end"));
  let text = "";
  return {
    exchange,
    told,
    receive: (bytes: string) => exchange.receive(Buffer.from(bytes)),
    read: () => exchange.on("data", (bytes: Buffer) => void (text += bytes.toString())),
    text: () => text,
  };
}

const head = (length: number): string => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`;

test("what comes before anybody reads stays in order", async () => {
  const { exchange, receive, read, text, told } = openExchange();
  expect(receive(`${head(9)}abc`)).toBe(false);
  expect(receive("def")).toBe(false);
  read();
  expect(receive("ghi")).toBe(false);
  await once(exchange, "end");
  expect(text()).toBe("abcdefghi");
  expect(told).toEqual(["head", "keep", "end"]);
});

test("what comes during a pause waits for its end", async () => {
  const { exchange, receive, read, text } = openExchange();
  receive(head(9));
  read();
  await nextTurn();
  receive("abc");
  exchange.pause();
  receive("def");
  expect(text()).toBe("abc");
  exchange.resume();
  receive("ghi");
  await once(exchange, "end");
  expect(text()).toBe("abcdefghi");
});

test("a connection that is gone loses nothing of what it brought", async () => {
  const whole = openExchange();
  whole.receive(`${head(3)}abc`);
  whole.exchange.lost(null);
  whole.read();
  await nextTurn();
  await nextTurn();
  expect(whole.text()).toBe("abc");
  expect(whole.told).toEqual(["head", "keep", "end"]);

  const cut = openExchange();
  cut.receive(`${head(9)}abc`);
  cut.exchange.lost(null);
  cut.read();
  await nextTurn();
  await nextTurn();
  expect(cut.text()).toBe("abc");
  expect(cut.told).toEqual(["head", "the connection was cut"]);
});

test("bytes go where the reader wants them, but only while they flow", async () => {
  const { exchange, receive, read } = openExchange();
  const wanted = Buffer.alloc(8);
  expect(exchange.nextBuffer()).toBeNull();
  receive(`${head(9)}abc`);
  exchange.readInto(() => wanted);
  read();
  // "abc" would be handed on after what is read now.
  expect(exchange.nextBuffer()).toBeNull();
  await nextTurn();
  expect(exchange.nextBuffer()).toBe(wanted);
  exchange.pause();
  expect(exchange.nextBuffer()).toBeNull();
  receive("def");
  exchange.resume();
  expect(exchange.nextBuffer()).toBeNull();
  await nextTurn();
  expect(exchange.nextBuffer()).toBe(wanted);
  receive("ghi");
  expect(exchange.nextBuffer()).toBeNull();
});

test.each([
  ["cut", ({ exchange }: ReturnType<typeof openExchange>) => exchange.lost(new Error("cut"))],
  ["silent", ({ exchange }: ReturnType<typeof openExchange>) => exchange.destroy(new Error("no"))],
  ["too long", ({ receive }: ReturnType<typeof openExchange>) => receive("abcd")],
])("one that is %s while nobody listens is over, and that is all", async (_, strike) => {
  const open = openExchange();
  open.receive(head(3));
  open.exchange.removeAllListeners("error");
  open.exchange.resume();
  await nextTurn();
  open.exchange.on("close", () => void open.told.push("closed"));
  strike(open);
  expect(open.told).toContain("closed");
  expect(open.told).not.toContain("end");
});
