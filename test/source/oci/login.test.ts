import { expect, test } from "vitest";
import { makeImage, noise } from "./images.ts";
import type { Seen } from "./registry-server.ts";
import {
  bytesOf,
  identityToken,
  noLogin,
  openScene,
  password,
  type SceneOptions,
} from "./scene.ts";

const image = makeImage([noise("one", 3000)]);
const layer = image.blobs[1]?.digest ?? "";
const users = { annie: "s3cret:x" };
const annie = password("annie", "s3cret:x");

/** A registry with `core:1`, and `mine/core:1`, which is private. */
async function open(options: SceneOptions = {}) {
  const scene = await openScene({ private: ["mine/core"], users, ...options });
  for (const name of ["core", "mine/core"]) scene.server.push(name, "1", image, [image]);
  return scene;
}

const failure = (code: string, message: string | RegExp = "", hint: string | RegExp = "") => {
  const holds = (text: string | RegExp) =>
    typeof text === "string"
      ? (expect.stringContaining(text) as string)
      : (expect.stringMatching(text) as string);
  return expect.objectContaining({ code, message: holds(message), hint: holds(hint) }) as Error;
};
const sent = (all: readonly Seen[]) => all.map(({ authorization }) => authorization);
const basic = `Basic ${Buffer.from("annie:s3cret:x").toString("base64")}`;

test("an anonymous token is asked for once, for all that is asked of a repository", async () => {
  await using scene = await open({ auth: "bearer" });
  const found = await scene.resolve("core:1");
  const opened = await scene.registries.open(scene.part(found, layer));
  expect((await bytesOf(opened)).equals(image.blobs[1]?.bytes ?? Buffer.alloc(0))).toBe(true);
  expect(scene.server.of("tokens").map(({ url }) => decodeURIComponent(url))).toEqual([
    "/token?service=test&scope=repository:core:pull",
  ]);
  expect(sent(scene.server.of("tokens"))).toEqual([undefined]);
  const [first, ...others] = sent(scene.server.of("registry"));
  expect(first).toBeUndefined();
  expect(new Set(others)).toEqual(new Set(["Bearer token-1"]));
  expect(scene.logins).toEqual([scene.server.host]);
});

test("side by side, too, one token is asked for", async () => {
  await using scene = await open({ auth: "bearer" });
  const found = await scene.resolve("core:1");
  scene.server.endTokens();
  scene.server.seen.length = 0;
  const parts = Array.from({ length: 8 }, () => scene.registries.open(scene.part(found, layer)));
  for (const opened of await Promise.all(parts)) await bytesOf(opened);
  expect(scene.server.of("tokens")).toHaveLength(1);
});

test("a login goes to the token service as a password, and to nobody else", async () => {
  await using scene = await open({ auth: "bearer", login: annie, storage: true });
  const found = await scene.resolve("mine/core:1");
  await bytesOf(await scene.registries.open(scene.part(found, layer)));
  expect(sent(scene.server.of("tokens"))).toEqual([basic]);
  expect(scene.server.of("tokens")[0]?.url).toContain("account=annie");
  expect(
    sent(scene.server.of("registry")).filter((each) => each?.startsWith("Basic") === true),
  ).toEqual([]);
  expect(new Set(sent(scene.server.of("storage")))).toEqual(new Set([undefined]));
});

test("an identity token is posted, and never part of an address", async () => {
  await using scene = await open({
    auth: "bearer",
    login: identityToken("ey.refresh"),
    identityTokens: ["ey.refresh"],
  });
  await scene.resolve("mine/core:1");
  const [asked, ...more] = scene.server.of("tokens");
  expect(more).toEqual([]);
  expect(asked).toMatchObject({ method: "POST", url: "/token", authorization: undefined });
  expect(Object.fromEntries(asked?.form ?? [])).toEqual({
    service: "test",
    scope: "repository:mine/core:pull",
    grant_type: "refresh_token",
    client_id: "heros",
    refresh_token: "ey.refresh",
  });
});

test("a registry that wants the password itself gets it", async () => {
  await using scene = await open({ auth: "basic", login: annie });
  const found = await scene.resolve("core:1");
  await bytesOf(await scene.registries.open(scene.part(found, layer)));
  const [first, ...others] = sent(scene.server.of("registry"));
  expect(first).toBeUndefined();
  expect(new Set(others)).toEqual(new Set([basic]));
});

test("a token that ended in the middle of a download is renewed", async () => {
  await using scene = await open({ auth: "bearer" });
  const found = await scene.resolve("core:1");
  scene.server.endTokens();
  const opened = await scene.registries.open(scene.part(found, layer, { start: 10, end: 20 }));
  expect(opened.response.status).toBe(206);
  expect((await bytesOf(opened)).length).toBe(10);
  expect(scene.server.of("tokens")).toHaveLength(2);
});

test.each([
  ["says how long it lasts", 2, 2],
  ["does not say, which means a minute", null, 60],
])(
  "a token is renewed before it ends, where the service %s",
  async (_, expiresInSeconds, lasts) => {
    await using scene = await open({ auth: "bearer", expiresInSeconds, haste: 1000 });
    const found = await scene.resolve("core:1");
    const { clock } = scene.host;
    const endMs = clock.monotonicMs() + lasts * 1000;
    await clock.sleep(lasts * 1000);
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(endMs);
    scene.server.seen.length = 0;
    await bytesOf(await scene.registries.open(scene.part(found, layer)));
    expect(scene.server.of("tokens")).toHaveLength(1);
    // The old one was not tried first.
    expect(scene.server.of("registry")).toHaveLength(1);
  },
);

test.each([
  ["an access_token", (token: string) => ({ access_token: token })],
  ["a life that is nonsense", (token: string) => ({ token, expires_in: "soon" })],
  ["a life below nothing", (token: string) => ({ token, expires_in: -5 })],
  ["more than anybody reads", (token: string) => ({ token, issued_at: 7, refresh_token: [] })],
])("a token service's answer with %s is read", async (_, tokenAnswer) => {
  await using scene = await open({ auth: "bearer", tokenAnswer });
  expect((await scene.resolve("core:1")).digest).toBe(image.digest);
});

test.each([
  ["no token", () => ({}), "no token in the answer"],
  ["one that no header may hold", () => ({ token: "a\r\nb" }), "no token in the answer"],
  ["a list", () => [], "no token in the answer"],
])("a token service's answer with %s is strange", async (_, tokenAnswer, message) => {
  await using scene = await open({ auth: "bearer", tokenAnswer });
  await expect(scene.resolve("core:1")).rejects.toEqual(
    failure("registry.captive_portal", message),
  );
});

test("without a service and a scope, the token is asked for the repository", async () => {
  await using scene = await open({
    auth: "bearer",
    challenge: ({ realm }) => `Bearer realm="${realm}?tenant=7"`,
  });
  await scene.resolve("core:1");
  const asked = new URL(scene.server.of("tokens")[0]?.url ?? "", "http://any");
  expect(Object.fromEntries(asked.searchParams)).toEqual({
    tenant: "7",
    scope: "repository:core:pull",
  });
});

test.each([
  ["a login that is no longer good", "bearer", password("annie", "old")],
  ["an identity token that is no longer good", "bearer", identityToken("old")],
] as const)("%s does not hide what everybody may see", async (_, auth, login) => {
  await using scene = await open({ auth, login });
  expect((await scene.resolve("core:1")).digest).toBe(image.digest);
  expect(scene.problems).toEqual([{ registry: scene.server.host, why: "refused" }]);
  // It is not sent again.
  scene.server.endTokens();
  scene.server.seen.length = 0;
  await expect(scene.resolve("mine/core:1")).rejects.toEqual(
    failure("registry.login_refused", "rejected the login", /docker login 127\.0\.0\.1:\d+$/),
  );
  expect(sent(scene.server.of("tokens"))).toEqual([undefined]);
  expect(scene.problems).toHaveLength(1);
});

test("a password that the registry itself refuses is told of, and sent once", async () => {
  await using scene = await open({ auth: "basic", login: password("annie", "old") });
  await expect(scene.resolve("core:1")).rejects.toEqual(failure("registry.login_refused"));
  await expect(scene.resolve("mine/core:1")).rejects.toEqual(failure("registry.login_refused"));
  expect(sent(scene.server.of("registry")).filter((each) => each !== undefined)).toHaveLength(1);
  expect(scene.problems).toEqual([{ registry: scene.server.host, why: "refused" }]);
});

test("what nobody may see without a login says so, and how to log in", async () => {
  for (const auth of ["bearer", "basic"] as const) {
    await using scene = await open({ auth });
    await expect(scene.resolve("mine/core:1")).rejects.toEqual(
      failure(
        "image.denied",
        /refuses 127\.0\.0\.1:\d+\/mine\/core:1: it does not exist, or it is private\./,
        /If it is private, log in: docker login 127\.0\.0\.1:\d+$/,
      ),
    );
  }
});

test("a login without access to an image is told apart from none", async () => {
  await using scene = await open({
    auth: "bearer",
    login: annie,
    // As registries do where an account may not read: a token for less than was asked for.
    tokenAnswer: () => ({ token: "of-no-use" }),
  });
  await expect(scene.resolve("mine/core:1")).rejects.toEqual(
    failure("image.denied", "or your account has no access to it", "an account that can read it"),
  );
});

test("a token service that refuses an account a repository is told apart from a wrong password", async () => {
  await using scene = await open({
    auth: "bearer",
    login: annie,
    intercept: ({ server }) => (server === "tokens" ? { answer: { status: 403 } } : {}),
  });
  await expect(scene.resolve("mine/core:1")).rejects.toEqual(
    failure("image.denied", "or your account has no access to it"),
  );
  expect(scene.problems).toEqual([]);
});

test("the registry's own words go along where they say more than the status", async () => {
  const said = "Access denied. Accept the license of this image\nfirst.";
  await using scene = await open({
    intercept: () => ({
      answer: {
        status: 403,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ errors: [{ code: "DENIED", message: said }] }),
      },
    }),
  });
  await expect(scene.resolve("core:1")).rejects.toEqual(
    failure("image.denied", "says: Access denied. Accept the license of this image first."),
  );
});

test("a helper that can't be asked is told of once, and named where it would have helped", async () => {
  const problem = "docker-credential-pass is not installed";
  await using scene = await open({ auth: "bearer", login: { ...noLogin, problem } });
  expect((await scene.resolve("core:1")).digest).toBe(image.digest);
  await expect(scene.resolve("mine/core:1")).rejects.toEqual(
    failure("image.denied", "it is private", `Docker's saved login can't be read: ${problem}.`),
  );
  expect(scene.problems).toEqual([{ registry: scene.server.host, why: "unreadable", problem }]);
});

test("where nobody asks who we are, no login is looked for", async () => {
  await using scene = await open({ login: annie });
  await scene.resolve("core:1");
  expect(scene.logins).toEqual([]);
  expect(sent(scene.server.seen)).toEqual([undefined, undefined]);
});

test.each([
  ["http off this machine", () => 'Bearer realm="http://auth.example.org/token"'],
  ["another kind", () => 'Bearer realm="ftp://auth.example.org/token"'],
  ["a name and a password", () => 'Bearer realm="https://a:b@auth.example.org/token"'],
  ["nothing", () => 'Bearer realm=""'],
])("a token service at an address with %s gets no login", async (_, challenge) => {
  await using scene = await open({ auth: "bearer", login: annie, challenge });
  await expect(scene.resolve("core:1")).rejects.toEqual(
    failure("registry.captive_portal", "a login at an address that is not safe"),
  );
  expect(scene.logins).toEqual([]);
  expect(scene.server.of("tokens")).toEqual([]);
});

test("a registry out there can't have the login sent to this machine", async () => {
  await using scene = await open({
    auth: "bearer",
    login: annie,
    names: ({ host }) => ({ "ghcr.io": host }),
  });
  await expect(scene.resolve("ghcr.io/core:1")).rejects.toEqual(
    failure("registry.unsafe_redirect", /ghcr\.io redirected to 127\.0\.0\.1:\d+/),
  );
  expect(scene.server.of("tokens")).toEqual([]);
});

test("a token service that sends us on gets the password, and who comes after it does not", async () => {
  await using scene = await open({
    auth: "bearer",
    login: annie,
    intercept: ({ server }, { storageOrigin }) =>
      server === "tokens"
        ? { answer: { status: 302, headers: { location: `${storageOrigin}/moved` } } }
        : {},
  });
  // Another origin is another server, which does not know us.
  await expect(scene.resolve("core:1")).rejects.toEqual(failure("image.denied"));
  expect(scene.server.of("tokens")[0]?.authorization).toBe(basic);
  expect(sent(scene.server.of("storage"))).not.toContain(basic);
});

test("an identity token follows no redirect", async () => {
  await using scene = await open({
    auth: "bearer",
    login: identityToken("ey.refresh"),
    intercept: ({ server }) =>
      server === "tokens" ? { answer: { status: 307, headers: { location: "/elsewhere" } } } : {},
  });
  await expect(scene.resolve("core:1")).rejects.toEqual(
    failure("registry.captive_portal", "it redirected a login"),
  );
  expect(scene.server.of("tokens")).toHaveLength(1);
});

test("a registry that sends us on does not let the next one ask who we are", async () => {
  await using elsewhere = await open({ auth: "bearer" });
  await using scene = await open({
    login: annie,
    intercept: ({ url }) => ({
      answer: { status: 307, headers: { location: `http://${elsewhere.server.host}${url}` } },
    }),
  });
  await expect(scene.resolve("core:1")).rejects.toEqual(failure("image.denied"));
  expect(scene.logins).toEqual([]);
  expect(elsewhere.server.of("tokens")).toEqual([]);
  expect(sent(elsewhere.server.seen)).toEqual([undefined]);
});

test.each([
  [
    "resets connections",
    { reset: true },
    "registry.unreachable",
    /the connection was cut \(127\.0\.0\.1:\d+\)/,
  ],
  [
    "answers 503",
    { answer: { status: 503 } },
    "registry.server_error",
    /status 503 \(127\.0\.0\.1:\d+\)/,
  ],
  [
    "answers 429",
    { answer: { status: 429 } },
    "registry.rate_limited",
    "limits requests from this address",
  ],
  [
    "answers 404",
    { answer: { status: 404 } },
    "registry.captive_portal",
    "status 404 from its token service",
  ],
])(
  "a token service that %s ends as what it is, once nobody waits any longer",
  async (_, fault, code, message) => {
    await using scene = await open({
      auth: "bearer",
      intercept: ({ server }) => (server === "tokens" ? fault : {}),
      registries: { forMs: 1000 },
    });
    await expect(scene.resolve("core:1")).rejects.toEqual(failure(code, message));
  },
);

test("no password and no token is in an error's words or causes", async () => {
  await using scene = await open({ auth: "bearer", login: password("annie", "0ldSecret") });
  const error: unknown = await scene.resolve("mine/core:1").catch((thrown: unknown) => thrown);
  const { inspect } = await import("node:util");
  const text = inspect(error, { depth: 10, showHidden: true });
  expect(text).toContain("registry.login_refused");
  expect(text).not.toContain("0ldSecret");
  expect(text).not.toContain(Buffer.from("annie:0ldSecret").toString("base64"));
});
