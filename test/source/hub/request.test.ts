import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Host } from "../../../src/host/host.ts";
import type { HttpRequest } from "../../../src/host/network.ts";
import { askHub } from "../../../src/source/hub/request.ts";
import { discard, type SourceRequest } from "../../../src/source/request.ts";
import { answerOf, sessionOver } from "./session.ts";

/** Sends a request of a Hub at its origin, over this network. */
async function sendTo(
  request: Host["network"]["request"],
  asked: Omit<SourceRequest, "signal">,
  read = request,
) {
  const session = sessionOver(new URL(asked.url).origin, request, read);
  return askHub(session, { ...asked, signal: new AbortController().signal });
}

/** Asks `from`, which sends on to `to`. @returns what was asked in all */
async function askedBy(
  from: string,
  to: string,
  redirects: "all" | "none-elsewhere" = "all",
): Promise<HttpRequest[]> {
  const asked: HttpRequest[] = [];
  const request = async (each: HttpRequest) =>
    asked.push(each) === 1 ? answerOf(302, { location: to }) : answerOf(200);
  await sendTo(request, { url: from, redirects });
  return asked;
}

test.each([
  ["https://hub.test/a", "https://cdn.test/b"],
  ["http://hub.test/a", "http://cdn.test/b"],
  ["http://hub.test/a", "https://cdn.test/b"],
  ["http://127.0.0.1:1/a", "http://127.0.0.1:2/b"],
  ["http://127.0.0.1:1/a", "https://cdn.test/b"],
])("a redirect from %s to %s is followed, without the token", async (from, to) => {
  const asked = await askedBy(from, to);
  expect(asked.map(({ url }) => url)).toEqual([from, to]);
  expect(asked[1]?.headers).not.toHaveProperty("authorization");
  expect(asked[1]?.noNearerThan).toBe("public");
});

test.each([
  ["https://hub.test/a", "http://cdn.test/b"],
  ["https://127.0.0.1:1/a", "http://127.0.0.1:2/b"],
  ["https://localhost:1/a", "http://localhost:1/a"],
  ["http://127.0.0.1:1/a", "http://cdn.test/b"],
  ["https://hub.test/a", "file:///etc/passwd"],
  ["https://hub.test/a", "https://"],
])("a redirect from %s to %s is not followed", async (from, to) => {
  await expect(askedBy(from, to)).rejects.toMatchObject({ code: "hub.captive_portal" });
});

test("within the Hub a redirect is followed with the token, also by who goes nowhere else", async () => {
  const asked = await askedBy("https://hub.test/a", "/b", "none-elsewhere");
  expect(asked.map(({ url }) => url)).toEqual(["https://hub.test/a", "https://hub.test/b"]);
  expect(asked[1]?.headers).toHaveProperty("authorization", "Bearer hf_first");
  const stopped = await askedBy("https://hub.test/a", "https://cdn.test/b", "none-elsewhere");
  expect(stopped).toHaveLength(1);
});

test.each([
  [10, "is followed"],
  [11, "is given up"],
])("a chain of %i redirects %s", async (hops, end) => {
  let asked = 0;
  const request = async () =>
    (asked += 1) > hops ? answerOf(200) : answerOf(307, { location: `/${asked}` });
  const sent = sendTo(request, { url: "https://hub.test/a", redirects: "all" });
  if (end === "is followed") expect((await sent).response.status).toBe(200);
  else await expect(sent).rejects.toMatchObject({ code: "hub.redirect_loop" });
});

test("a large body is read piece by piece, any other as a whole", async () => {
  const used: string[] = [];
  const by = (name: string) => async () => {
    used.push(name);
    return answerOf(200);
  };
  const [request, read] = [by("request"), by("read")];
  const asked = { url: "https://hub.test/a", redirects: "all" } as const;
  await sendTo(request, asked, read);
  await sendTo(request, { ...asked, large: true }, read);
  expect(used).toEqual(["request", "read"]);
});

/** Its end comes later than its last byte, as over a network. */
async function* lateEnd(bytes: number): AsyncGenerator<Buffer> {
  yield Buffer.alloc(bytes);
  await setImmediate();
}

test.each([
  ["a short", 65_536, false],
  ["a long", 65_537, true],
])("%s body that nobody wants is read to its end, or not: %i bytes", async (_, bytes, isCut) => {
  const body = Readable.from(lateEnd(bytes));
  let asked = 0;
  const request = async () =>
    (asked += 1) === 1 ? answerOf(302, { location: "/b" }, body) : answerOf(200);
  await sendTo(request, { url: "https://hub.test/a", redirects: "all" });
  expect(body.readableEnded).toBe(!isCut);
});

test("who lets an answer go that a redirect ended does not wait for its end once more", async () => {
  const redirect = async () => answerOf(302, { location: "https://cdn.test/b" });
  const asked = { url: "https://hub.test/a", redirects: "none-elsewhere" } as const;
  const { response } = await sendTo(redirect, asked);
  const first = await Promise.race([
    discard(response).then(() => "it is gone"),
    setImmediate("it is waited for"),
  ]);
  expect(first).toBe("it is gone");
});
