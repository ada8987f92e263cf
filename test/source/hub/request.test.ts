import { Readable } from "node:stream";
import { expect, test } from "vitest";
import type { HttpRequest, HttpResponse } from "../../../src/host/network.ts";
import { Secret } from "../../../src/run/secret.ts";
import { sendRequest } from "../../../src/source/hub/request.ts";
import { quickHost } from "../../download/scene.ts";

/** Asks `from`, which sends on to `to`. @returns what was asked in all */
async function askedBy(
  from: string,
  to: string,
  redirects: "all" | "none-elsewhere" = "all",
): Promise<HttpRequest[]> {
  const asked: HttpRequest[] = [];
  const request = async (each: HttpRequest): Promise<HttpResponse> => {
    asked.push(each);
    const first = asked.length === 1;
    return {
      status: first ? 302 : 200,
      headers: first ? { location: to } : {},
      body: Readable.from([]),
      reach: "public",
    };
  };
  const host = quickHost();
  const session = {
    host: { ...host, network: { ...host.network, request } },
    endpoint: new URL(from).origin,
    token: new Secret("hf_first"),
    answerLimitMs: 1000,
  };
  const { signal } = new AbortController();
  await sendRequest(session, { url: from, signal, redirects });
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
