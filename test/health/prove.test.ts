import { healthAt } from "../her-os.ts";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { proveStack, type Question } from "../../src/health/prove.ts";
import { testHost } from "./fixtures.ts";

const question: Question = {
  method: "POST",
  path: "/search",
  body: { query: "hello" },
  answer: ["results", "0", "text"],
};
const report = {
  status: "healthy",
  capabilities: { memory_search: true, voice_stt: true, batch_embedding: false },
};

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An Annie that answers each request so. */
async function annie(reply: (asked: IncomingMessage, body: unknown) => Reply) {
  const asked: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    asked.push(`${request.method} ${request.url}`);
    const sent: unknown = request.method === "POST" ? await json(request) : null;
    const { status = 200, headers = {}, body } = reply(request, sent);
    response.writeHead(status, headers).end(body);
  };
  const server = createServer((request, response) => void answer(request, response)).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const prove = (asks: Question | null, capabilities: readonly string[] = []) =>
    proveStack(testHost(), {
      health: healthAt(url),
      capabilities,
      question: asks,
      signal: new AbortController().signal,
    });
  return { prove, asked };
}

test("without a question of the catalog's she is asked once more for all that she has to be able to do", async () => {
  const { prove, asked } = await annie(() => ({ body: JSON.stringify(report) }));
  expect(await prove(null, ["memory_search", "voice_stt"])).toMatchObject({
    asked: "GET /health",
    problem: null,
  });
  const { problem } = await prove(null, ["memory_search", "batch_embedding"]);
  expect(problem).toMatchObject({
    code: "annie.not_proved",
    exitCode: 3,
    message:
      '{assistant} is online, but failed a test question (GET /health): it reports "healthy", without nightly re-index.',
    hint: expect.stringContaining("docker compose logs") as string,
  });
  expect(asked).toEqual(["GET /health", "GET /health"]);
});

test("a question is sent as it stands in the catalog, and what it asks for must be in the answer", async () => {
  const { prove, asked } = await annie((_request, sent) => ({
    body: JSON.stringify({ results: [{ text: (sent as { query: string }).query }] }),
  }));
  expect(await prove(question)).toMatchObject({ asked: "POST /search", problem: null });
  expect(asked).toEqual(["POST /search"]);
});

test.each<[string, Reply, RegExp]>([
  [
    "an error",
    { status: 500, body: "Internal\u001b[31m Error" },
    /HTTP 500 came back: Internal Error\.$/,
  ],
  [
    "a redirect, which is not followed",
    { status: 302, headers: { location: "http://127.0.0.1:9/" }, body: "" },
    /HTTP 302 came back: nothing\.$/,
  ],
  ["a page", { body: "<html>hello</html>" }, /no JSON: <html>hello<\/html>\.$/],
  ["an empty answer", { body: '{"results": [{"text": " "}]}' }, /nothing at results\.0\.text/],
  ["no results", { body: '{"results": []}' }, /nothing at results\.0\.text/],
  ["what every object has", { body: '{"results": {"0": {}}}' }, /nothing at results\.0\.text/],
  ["a long one", { status: 404, body: "x".repeat(5000) }, /HTTP 404 came back: x{200}…\.$/],
  ["more than any answer", { body: `"${"x".repeat(2_000_000)}"` }, /no JSON: "x+…\.$/],
])("%s is told with what was asked and what came back", async (_what, reply, message) => {
  const { prove } = await annie(() => reply);
  const { problem } = await prove(question);
  expect(problem).toMatchObject({ code: "annie.not_proved", exitCode: 3 });
  expect(problem?.message).toMatch(/failed a test question \(POST \/search\): /);
  expect(problem?.message).toMatch(message);
});

test("a question that is interrupted is no verdict", async () => {
  const stop = new AbortController();
  stop.abort();
  const asked = {
    health: healthAt("http://127.0.0.1:9"),
    capabilities: [],
    signal: stop.signal,
  };
  await expect(proveStack(testHost(), { ...asked, question })).rejects.toMatchObject({
    name: "AbortError",
  });
});
