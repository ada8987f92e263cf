import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { askHubs } from "../../src/checks/ask-machine.ts";
import { assessHubs, hubOf } from "../../src/checks/network.ts";
import { startServer, tryHubOn } from "../machine/look.ts";
import { serveRaw } from "../machine/server.ts";
import { testProbe } from "../machine/test-host.ts";

type Answer = (response: ServerResponse, path: string) => void;

async function hub(answer: Answer, host?: string): Promise<string> {
  const { url } = await startServer(
    (request, response) => answer(response, request.url ?? ""),
    host,
  );
  return url;
}

function page(type: string, body: string, status = 200): Answer {
  return (response) => response.writeHead(status, { "content-type": type }).end(body);
}

const json = page("application/json", "[]");
const login = "<!doctype html><title>Hotel Wi-Fi</title><form>Room number</form>";
const gone = "http://127.0.0.1:9";

async function judge(endpoints: readonly string[], { env = {}, limitMs = 10_000 } = {}) {
  const probe = { ...testProbe({ env }), limitMs };
  onTestFinished(() => probe.host.network.close());
  const answers = await askHubs(probe, endpoints, tryHubOn(probe.host));
  const { status, found, failure } = assessHubs(answers, probe);
  const { reachable, endpoint } = hubOf(answers);
  const { code = null, exitCode = null } = failure ?? {};
  return { status, found, code, exitCode, used: reachable ? endpoint : null };
}

describe("the Hub", () => {
  it("is there when it lists files", async () => {
    const url = await hub(json);
    expect(await judge([url])).toMatchObject({ status: "ok", code: null, used: url });
  });

  it("may be reached by another name, which answers in its place", async () => {
    const other = await hub(json, "localhost");
    const url = await hub((response, path) => {
      response.writeHead(308, { location: other + path }).end();
    });
    expect(await judge([url])).toMatchObject({ status: "ok", used: url });
  });

  it("is a warning where it only takes too long", async () => {
    const url = await hub(() => {});
    expect(await judge([url], { limitMs: 50 })).toMatchObject({ status: "warning", code: null });
  });

  it("is not asked for with HF_HUB_OFFLINE", async () => {
    expect(await judge([gone], { env: { HF_HUB_OFFLINE: "1" } })).toMatchObject({
      status: "skipped",
    });
  });
});

describe("what a download would end with is what is found", () => {
  const redirect =
    (location: string): Answer =>
    (response) =>
      response.writeHead(302, { location }).end();

  it.each<[string, Answer, string]>([
    ["a web page", page("text/html", login), "hub.captive_portal"],
    ["a web page that calls itself JSON", page("application/json", login), "hub.captive_portal"],
    ["a network that wants a login", page("text/plain", "log in", 511), "hub.captive_portal"],
    ["the same in JSON", page("application/json", "{}", 511), "hub.captive_portal"],
    ["a wrong address", page("text/html", "<h1>404</h1>", 404), "hub.captive_portal"],
    ["a way out of this machine in clear", redirect("http://login.invalid/"), "hub.captive_portal"],
    ["a loop", redirect("/again"), "hub.redirect_loop"],
    ["a server with trouble of its own", page("text/html", "502", 502), "hub.server_error"],
    ["a limit", page("application/json", "{}", 429), "hub.rate_limited"],
    ["a connection that is cut", (response) => response.destroy(), "hub.unreachable"],
  ])("%s", async (_name, answer, code) => {
    const found = await judge([await hub(answer)]);
    expect(found).toMatchObject({ status: "failed", code, exitCode: 5, used: null });
  });

  it.each<[string, string, Record<string, string>, string]>([
    ["nobody listens", gone, {}, "hub.unreachable"],
    ["its name leads nowhere", "http://hub.invalid", {}, "hub.unreachable"],
    ["a proxy of a kind that is not spoken", "https://hub.invalid", socks(), "hub.proxy"],
  ])("%s", async (_name, endpoint, env, code) => {
    expect(await judge([endpoint], { env })).toMatchObject({ status: "failed", code, exitCode: 5 });
  });

  it("something else than HTTP, or than TLS", async () => {
    const server = await serveRaw("SSH-2.0-OpenSSH_9.6\r\n");
    onTestFinished(() => server.close());
    expect(await judge([server.url])).toMatchObject({ code: "hub.unreachable" });
    const plain = (await hub(json)).replace("http:", "https:");
    expect(await judge([plain])).toMatchObject({ code: "hub.tls", exitCode: 5 });
  });

  it("a proxy that wants a password", async () => {
    const proxy = await serveRaw(
      "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
    );
    onTestFinished(() => proxy.close());
    const env = { HTTPS_PROXY: proxy.url };
    expect(await judge(["https://hub.invalid"], { env })).toMatchObject({ code: "hub.proxy" });
  });
});

function socks() {
  return { HTTPS_PROXY: "socks5://127.0.0.1:1080" };
}

describe("several addresses of the Hub", () => {
  it("are all asked, and all told", async () => {
    const urls = [await hub(json), await hub(json)];
    const { status, found, used } = await judge(urls);
    expect({ status, used }).toEqual({ status: "ok", used: urls[0] });
    for (const url of urls) expect(found).toContain(`${url} answers`);
  });

  it("need not all answer", async () => {
    const url = await hub(json);
    expect(await judge([url, gone])).toMatchObject({ status: "warning", code: null, used: url });
  });

  it("stand in for the first, which is said", async () => {
    const last = await hub(json);
    const found = await judge([gone, await hub(page("text/html", login)), last]);
    expect(found).toMatchObject({ status: "warning", code: null, used: last });
    expect(found.found).toContain(`downloading from ${last} instead`);
  });

  it("are the failure of the first where none answers", async () => {
    const portal = await hub(page("text/html", login));
    const found = await judge([gone, portal]);
    expect(found).toMatchObject({ status: "failed", code: "hub.unreachable", used: null });
  });

  it("are not asked with HF_HUB_OFFLINE", async () => {
    const { status, used } = await judge([gone, gone], { env: { HF_HUB_OFFLINE: "1" } });
    expect({ status, used }).toEqual({ status: "skipped", used: null });
  });
});
