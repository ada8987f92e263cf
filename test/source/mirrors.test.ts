import { expect, test } from "vitest";
import type { Intercept, RecordedRequest } from "../../src/demo/hub/exchange.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { connectHub, type Hub } from "../../src/source/hub/hub.ts";
import {
  createEndpointMemory,
  type EndpointSwitch,
  preferInOrder,
} from "../../src/source/mirrors.ts";
import type { Source } from "../../src/source/source.ts";
import { TransientError } from "../../src/source/retry-policy.ts";
import { exitCodes, Failure } from "../../src/run/failure.ts";
import { Secret } from "../../src/run/secret.ts";
import { model, openScene, type Scene } from "../download/scene.ts";

const repo = "org/model";
const files = [
  { path: "config.json", content: "{}" },
  { path: "model.safetensors", sizeBytes: 3_000_000 },
];
const repos = [{ id: repo, files }];
const models = [model("m", repo)];
const totalBytes = 3_000_002;

interface Pair extends AsyncDisposable {
  readonly scene: Scene;
  readonly mirror: EmbeddedHub;
  readonly hub: Hub;
}

/** A Hub with this fault, and a mirror of it that has none. */
async function openPair(
  intercept: Intercept | undefined,
  options: { repos?: typeof repos; mirrored?: typeof repos } = {},
): Promise<Pair> {
  const served = { repos: options.repos ?? repos, tokens: { hf_good: "annie" } };
  const scene = await openScene({ ...served, ...(intercept !== undefined && { intercept }) });
  const mirror = await startHub({ repos: options.mirrored ?? repos });
  const hub = connectHub({
    host: scene.host,
    endpoint: scene.served.endpoint,
    mirrors: [mirror.endpoint],
    token: new Secret("hf_good"),
    forMs: 1000,
  });
  return {
    scene,
    mirror,
    hub,
    async [Symbol.asyncDispose]() {
      await scene[Symbol.asyncDispose]();
      await mirror.close();
    },
  };
}

function expectWhole({ of }: Scene): void {
  expect(of("file.verified")).toHaveLength(2);
  expect(of("model.ready")).toHaveLength(1);
}

const page = { status: 200, headers: { "Content-Type": "text/html" }, body: "<h1>Log in</h1>" };
const failing: [string, Intercept][] = [
  ["resets every connection", () => ({ reset: true })],
  ["answers 503", () => ({ answer: { status: 503 } })],
  ["is behind a login page", () => ({ answer: page })],
  ["sends us in circles", () => ({ answer: { status: 302, headers: { Location: "?" } } })],
  ["limits the rate", () => ({ answer: { status: 429, headers: { RateLimit: '"api";r=0;t=1' } } })],
];

test.each(failing)(
  "a Hub that %s is passed over, and its token stays with it",
  async (_, fault) => {
    await using pair = await openPair(fault);
    const { scene, mirror, hub } = pair;
    await scene.pull(models, { hub });
    expectWhole(scene);
    expect(mirror.sentBytes()).toBe(totalBytes);
    const sent = ({ headers }: RecordedRequest) => headers.authorization;
    expect(new Set(scene.served.requests.map(sent))).toEqual(new Set(["Bearer hf_good"]));
    expect(new Set(mirror.requests.map(sent))).toEqual(new Set([undefined]));
  },
);

test("a Hub that goes away half-way is gone on from at the mirror", async () => {
  let answers = 0;
  await using pair = await openPair(({ origin }) => {
    if (origin === "content" && (answers += 1) === 4) void pair.scene.served.close();
    return undefined;
  });
  const { scene, mirror, hub } = pair;
  await scene.pull(models, { hub });
  expectWhole(scene);
  expect(mirror.sentBytes()).toBeGreaterThan(0);
  expect(mirror.sentBytes()).toBeLessThan(totalBytes);
  expect(scene.of("download.finished")[0]?.fetchedBytes).toBe(totalBytes);
});

test("what a first mirror lacks is had from the next", async () => {
  await using pair = await openPair(undefined, { repos: [] });
  const survey = await pair.scene.pull(models, { hub: pair.hub });
  expect(pair.mirror.sentBytes()).toBe(survey.totalBytes);
  expectWhole(pair.scene);
});

test("what a mirror lists is not kept", async () => {
  await using pair = await openPair(() => ({ reset: true }));
  const { scene, mirror } = pair;
  const { endpoint } = scene.served;
  const { host, folder } = scene;
  const hub = connectHub({
    host,
    endpoint,
    mirrors: [mirror.endpoint],
    token: null,
    stateDir: folder,
  });
  const commit = mirror.commit(repo);
  const { signal } = new AbortController();
  expect((await hub.list(repo, commit, signal)).files).toHaveLength(2);
  mirror.forgetRequests();
  expect((await hub.list(repo, commit, signal)).files).toHaveLength(2);
  expect(mirror.requests.length).toBeGreaterThan(0);
});

test("bytes that are wrong at one address are compared with another's", async () => {
  await using pair = await openPair(({ origin }) =>
    origin === "content" ? { garbage: { start: 1_000_000, end: 1_000_001 } } : undefined,
  );
  const { scene, mirror, hub } = pair;
  await scene.pull(models, { hub });
  expectWhole(scene);
  expect(mirror.sentBytes({ path: "model.safetensors" })).toBeGreaterThan(0);
});

test("where all fail, the failure is the preferred one's", async () => {
  await using pair = await openPair(() => ({ answer: { status: 500 } }));
  await pair.mirror.close();
  await expect(pair.scene.pull(models, { hub: pair.hub })).rejects.toThrow(
    expect.objectContaining({
      code: "hub.server_error",
      exitCode: 5,
      message: expect.stringContaining(pair.scene.served.endpoint) as string,
    }),
  );
});

test("a token that the Hub refuses is said at once", async () => {
  const headers = { "Content-Type": "application/json" };
  await using pair = await openPair(() => ({ answer: { status: 401, headers, body: "{}" } }));
  await expect(pair.scene.pull(models, { hub: pair.hub })).rejects.toThrow(
    expect.objectContaining({ code: "hub.token_refused", exitCode: 2 }),
  );
  expect(pair.mirror.requests).toEqual([]);
});

test("an address that is no address is refused before anything is asked", async () => {
  await using scene = await openScene({ repos });
  const { host, served } = scene;
  const connect = (mirror: string) =>
    connectHub({ host, endpoint: served.endpoint, mirrors: [mirror], token: null });
  expect(() => connect("mirror")).toThrow(
    expect.objectContaining({ code: "settings.bad_value", exitCode: 2 }),
  );
});

/** Two addresses of which the first fails as it is told to; what was asked, and what was told. */
function pretendTwo() {
  let nowMs = 0;
  const asked: string[] = [];
  const told: string[] = [];
  let trouble: Error | null = null;
  const pretend = (endpoint: string): Source => ({
    endpoint,
    offline: false,
    async list(name, revision) {
      asked.push(endpoint);
      if (endpoint === "first" && trouble !== null) throw trouble;
      return { repo: name, revision, commit: revision, files: [] };
    },
    failureOf: (error) => error,
    scopeOf: () => "file",
    requireAccess: async () => {},
    open: () => Promise.reject(new Error("not asked for")),
  });
  const clock = {
    monotonicMs: () => nowMs,
    now: () => new Date(0),
    sleep: () => new Promise<void>(() => {}),
  };
  const memory = createEndpointMemory();
  const onSwitch = ({ from, to, error }: EndpointSwitch): void => {
    told.push(`${from} to ${to}${error instanceof Error ? `: ${error.message}` : ""}`);
  };
  const connect = () =>
    preferInOrder([pretend("first"), pretend("second")], { clock, memory, onSwitch });
  return {
    told,
    connect,
    async list(hub: Source, atMs: number, error: Error | null): Promise<string> {
      nowMs = atMs;
      trouble = error;
      asked.length = 0;
      await hub.list(repo, "main", new AbortController().signal);
      return asked.join(", ");
    },
  };
}

const network = { code: "hub.unreachable", message: "", hint: "", exitCode: exitCodes.network };
const unreachable = new Failure({ ...network, message: "no answer" });
const lacking = new Failure({ ...network, code: "hub.file_not_found" });

test("after a failure the preferred address rests for a minute, or for as long as it asks", async () => {
  const { connect, list } = pretendTwo();
  const hub = connect();
  expect(await list(hub, 0, null)).toBe("first");
  expect(await list(hub, 1000, unreachable)).toBe("first, second");
  expect(await list(hub, 30_000, null)).toBe("second");
  expect(await list(hub, 61_000, null)).toBe("first");
  const slow = new TransientError("rate-limited", "slow", { ms: 5000, until: new Date(0) });
  expect(await list(hub, 62_000, slow)).toBe("first, second");
  expect(await list(hub, 66_000, null)).toBe("second");
  expect(await list(hub, 67_000, null)).toBe("first");
  // What it lacks it lacks; for the rest it is as good as before.
  expect(await list(hub, 68_000, lacking)).toBe("first, second");
  expect(await list(hub, 69_000, null)).toBe("first");
});

test("each switch is told once, and all Hubs of a run know of it", async () => {
  const { connect, list, told } = pretendTwo();
  const [hub, other] = [connect(), connect()];
  expect(await list(hub, 0, lacking)).toBe("first, second");
  expect(told).toEqual([]);
  await list(hub, 1000, unreachable);
  expect(told).toEqual(["first to second: no answer"]);
  expect(await list(other, 2000, unreachable)).toBe("second");
  // Still out of reach after its minute, for hours: that is no news.
  expect(await list(other, 61_000, unreachable)).toBe("first, second");
  expect(await list(hub, 122_000, unreachable)).toBe("first, second");
  expect(told).toHaveLength(1);
  expect(await list(hub, 183_000, null)).toBe("first");
  expect(told.slice(1)).toEqual(["second to first"]);
  await list(other, 184_000, unreachable);
  expect(told.slice(2)).toEqual(["first to second: no answer"]);
});

/** Two mirrors and the registry that they copy, which is asked last and has the last word. */
function copied(answers: Readonly<Record<string, string | Error>>) {
  const asked: string[] = [];
  const pretend = (endpoint: string): Source => ({
    endpoint,
    offline: false,
    list: () => Promise.reject(new Error("not asked for")),
    failureOf: () => endpoint,
    scopeOf: () => "file",
    requireAccess: async () => {},
    open: () => Promise.reject(new Error("not asked for")),
  });
  const clock = {
    monotonicMs: () => 0,
    now: () => new Date(0),
    sleep: () => new Promise<void>(() => {}),
  };
  const authority = pretend("registry");
  const all = preferInOrder([pretend("one"), pretend("two"), authority], { clock, authority });
  const ask = () =>
    all.askSoon(new AbortController().signal, async ({ endpoint }) => {
      asked.push(endpoint);
      const answer = answers[endpoint];
      if (answer instanceof Error) throw answer;
      return answer;
    });
  return { all, asked, ask };
}

const refused = (code: string) =>
  new Failure({ code, message: code, hint: "", exitCode: exitCodes.usage });

test("mirrors may come before the one that they copy", async () => {
  const { all, asked, ask } = copied({ one: refused("registry.denied"), two: "from two" });
  expect(await ask()).toBe("from two");
  expect(asked).toEqual(["one", "two"]);
  expect(all.endpoint).toBe("registry");
  expect(all.failureOf(new Error("any"), repo)).toBe("registry");
});

test("the refusal of the one that they copy counts, and not theirs", async () => {
  const { asked, ask } = copied({
    one: refused("registry.tls"),
    two: refused("registry.tag_not_found"),
    registry: refused("registry.denied"),
  });
  await expect(ask()).rejects.toMatchObject({ code: "registry.denied" });
  // What failed is asked last, and what is refused there is not asked for elsewhere.
  await expect(ask()).rejects.toMatchObject({ code: "registry.denied" });
  expect(asked).toEqual(["one", "two", "registry", "two", "registry"]);
});
