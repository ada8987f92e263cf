import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import {
  askHub,
  askHubs,
  hubOf,
  judgeHub,
  judgeHubs,
  type HubAnswer,
} from "../../src/machine/hub-reach.ts";
import { serve, serveRaw, type TestServer } from "./server.ts";
import { testProbe } from "./test-host.ts";

const servers: Pick<TestServer, "close">[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => server.close()));
});

async function hub(
  answer: (response: ServerResponse, path: string) => void,
  host?: string,
): Promise<TestServer> {
  const server = await serve((request, response) => answer(response, request.url ?? ""), host);
  servers.push(server);
  return server;
}

function page(type: string, body: string, status = 200) {
  return (response: ServerResponse): void => {
    response.writeHead(status, { "content-type": type }).end(body);
  };
}

function redirect(location: string) {
  return (response: ServerResponse): void => {
    response.writeHead(302, { location }).end();
  };
}

function codeOf(answer: HubAnswer): string | undefined {
  return judgeHub(answer, { endpoint: "http://hub", limitMs: 4000 }).failure?.code;
}

const login = "<!doctype html><title>Hotel Wi-Fi</title><form>Room number</form>";

describe("the Hub", () => {
  it("is there when it answers, and is not shown a token", async () => {
    const server = await hub(page("application/json", "[]"));
    const probe = testProbe({ env: { HF_TOKEN: "hf_not_for_this" } });
    const answer = await askHub(probe, server.url);
    expect(answer.kind).toBe("hub");
    expect(judgeHub(answer, { endpoint: server.url, limitMs: 4000 }).found).toMatch(
      /answers in \d+ ms$/,
    );
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it.each([401, 403, 404, 429])("is there too when it answers %d", async (status) => {
    const server = await hub(page("application/json", '{"error":"no"}', status));
    expect((await askHub(testProbe(), server.url)).kind).toBe("hub");
  });

  it("is there when its error page is HTML", async () => {
    const server = await hub(page("text/html", "<h1>404 Not Found</h1>", 404));
    expect((await askHub(testProbe(), server.url)).kind).toBe("hub");
  });

  it("may be reached by another name, which answers in its place", async () => {
    const other = await hub(page("application/json", "[]"), "localhost");
    const server = await hub(redirect(`${other.url}/api/models?limit=1`));
    expect((await askHub(testProbe(), server.url)).kind).toBe("hub");
  });

  it("may have trouble of its own", async () => {
    const server = await hub(page("text/html", "<h1>Bad Gateway</h1>", 502));
    const answer = await askHub(testProbe(), server.url);
    expect(judgeHub(answer, { endpoint: server.url, limitMs: 4000 })).toMatchObject({
      status: "warning",
      found: `${server.url} answers with an error (502)`,
    });
  });
});

describe("a login page in the Hub's place", () => {
  it.each([
    ["told by its type", page("text/html; charset=utf-8", login)],
    ["told by its text", page("application/octet-stream", `\n${login}`)],
    ["told by its status", page("text/plain", "log in first", 511)],
  ])("is %s", async (_name, answer) => {
    const server = await hub(answer);
    expect(codeOf(await askHub(testProbe(), server.url))).toBe("hub.captive_portal");
  });

  it("is told by a redirect to another host", async () => {
    const portal = await hub(page("text/html", login), "localhost");
    const server = await hub(redirect(`${portal.url}/login`));
    const answer = await askHub(testProbe(), server.url);
    expect(answer).toEqual({ kind: "portal", host: `localhost:${portal.port}` });
    expect(judgeHub(answer, { endpoint: server.url, limitMs: 4000 })).toMatchObject({
      status: "failed",
      remedy: `Open http://localhost:${portal.port} in a browser on this network and log in there.`,
      failure: { code: "hub.captive_portal", exitCode: 5 },
    });
  });

  it("is told by a redirect to another host even where that host does not answer", async () => {
    const portal = await hub(page("text/html", login), "localhost");
    await portal.close();
    const server = await hub(redirect(`${portal.url}/login`));
    expect(codeOf(await askHub(testProbe(), server.url))).toBe("hub.captive_portal");
  });

  it("is told at the end of a loop of redirects on another host", async () => {
    const portal = await hub(redirect("/again"), "localhost");
    const server = await hub(redirect(`${portal.url}/login`));
    expect(codeOf(await askHub(testProbe(), server.url))).toBe("hub.captive_portal");
  });
});

describe("a Hub out of reach", () => {
  it("is told where nothing listens", async () => {
    const server = await hub(page("application/json", "[]"));
    await server.close();
    const answer = await askHub(testProbe(), server.url);
    expect(judgeHub(answer, { endpoint: server.url, limitMs: 4000 })).toMatchObject({
      status: "failed",
      found: `${server.url} can't be reached: the connection is refused`,
      failure: { code: "hub.unreachable", exitCode: 5 },
    });
  });

  it("is told where its name leads nowhere", async () => {
    expect(codeOf(await askHub(testProbe(), "http://hub.invalid"))).toBe("hub.unreachable");
  });

  it("is told where something else than HTTP answers", async () => {
    const server = await serveRaw("SSH-2.0-OpenSSH_9.6\r\n");
    servers.push(server);
    const answer = await askHub(testProbe(), server.url);
    expect(answer).toMatchObject({
      kind: "unreachable",
      reason: "what answers there does not speak HTTP",
    });
  });

  it("is a warning where it only takes too long", async () => {
    const server = await hub(() => {});
    const answer = await askHub({ ...testProbe(), limitMs: 50 }, server.url);
    expect(judgeHub(answer, { endpoint: server.url, limitMs: 50 })).toEqual({
      status: "warning",
      found: `${server.url}: no answer within 0.1 s`,
    });
  });

  it("is not asked for with HF_HUB_OFFLINE", async () => {
    const server = await hub(page("application/json", "[]"));
    const answer = await askHub(testProbe({ env: { HF_HUB_OFFLINE: "1" } }), server.url);
    expect(judgeHub(answer, { endpoint: server.url, limitMs: 4000 }).status).toBe("ok");
    expect(server.seen).toEqual([]);
  });
});

describe("several addresses of the Hub", () => {
  const json = page("application/json", "[]");

  /** What is found where each of these servers is asked, with their addresses as letters. */
  async function judge(pages: readonly (typeof json | null)[], env = {}) {
    const asked = await Promise.all(pages.map((each) => hub(each ?? json)));
    await Promise.all(asked.filter((_, at) => pages[at] === null).map((server) => server.close()));
    const urls = asked.map(({ url }) => url);
    const named = (text: string) =>
      urls
        .reduce((all, url, index) => all.replaceAll(url, "abc"[index] ?? ""), text)
        .replaceAll(/\d+ ms/gu, "N ms");
    const answers = await askHubs(testProbe({ env }), urls);
    const { status, found, remedy, failure } = judgeHubs(answers, { limitMs: 4000 });
    const used = hubOf(answers);
    return {
      status,
      found: named(found),
      remedy,
      code: failure?.code,
      used: used.reachable ? named(used.endpoint) : null,
    };
  }

  it("are all asked, and all told", async () => {
    expect(await judge([json, json])).toMatchObject({
      status: "ok",
      found: "a answers in N ms; b answers in N ms",
      used: "a",
    });
  });

  it("need not all answer", async () => {
    expect(await judge([json, null])).toEqual({
      status: "warning",
      found: "a answers in N ms; b can't be reached: the connection is refused",
      used: "a",
    });
  });

  it("stand in for the first, which is said", async () => {
    expect(await judge([null, page("text/html", login), json])).toEqual({
      status: "warning",
      found:
        "a can't be reached: the connection is refused; a login page answers in place of b; c answers in N ms; models come from c",
      used: "c",
    });
  });

  it("are the failure of the first where none answers", async () => {
    expect(await judge([null, null])).toMatchObject({
      status: "failed",
      found:
        "a can't be reached: the connection is refused; b can't be reached: the connection is refused",
      code: "hub.unreachable",
      used: null,
    });
  });

  it("are not asked with HF_HUB_OFFLINE", async () => {
    const { status, found } = await judge([json, json], { HF_HUB_OFFLINE: "1" });
    expect({ status, found }).toEqual({
      status: "ok",
      found: "not asked: HF_HUB_OFFLINE is set",
    });
  });
});
