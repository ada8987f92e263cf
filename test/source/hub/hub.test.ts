import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Fault } from "../../../src/demo/hub/exchange.ts";
import { isRepoId, isSafePath } from "../../../src/source/hub/listing.ts";
import { connectHub } from "../../../src/source/hub/hub.ts";
import { Secret } from "../../../src/run/secret.ts";
import { mayHaveToken } from "../../../src/source/hub/request.ts";
import { openScene } from "../../download/scene.ts";

const repo = "org/model";
const files = [
  { path: "config.json", content: "{}" },
  { path: "a/b/model.safetensors", sizeBytes: 2000 },
  { path: "tokenizer.txt", content: "hello" },
];
const { signal } = new AbortController();

function failure(code: string, exitCode: number, message = "") {
  return expect.objectContaining({
    code,
    exitCode,
    message: expect.stringContaining(message) as string,
    hint: expect.stringMatching(/\S/u) as string,
  }) as unknown as Error;
}

test("a listing has every page's files, with the names that their blobs get", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }], pageSize: 1 });
  const listing = await scene.hub().list(repo, "main", signal);
  expect(listing.commit).toBe(scene.served.commit(repo));
  for (const { path } of files) {
    const { blobName, sizeBytes, lfs } = await scene.served.file(repo, path).identify();
    expect(listing.files.find((file) => file.path === path)).toEqual({
      path,
      sizeBytes,
      blobName,
      hash: { algorithm: lfs ? "sha256" : "git-sha1", hex: blobName },
    });
  }
});

test("a listing of one file is kept, too", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files: files.slice(0, 1) }] });
  const list = () => scene.hub().list(repo, scene.served.commit(repo), signal);
  const listing = await list();
  scene.served.forgetRequests();
  expect(await list()).toEqual(listing);
  expect(scene.served.requests).toHaveLength(0);
});

test("a commit is listed once; a torn or foreign listing is asked for again", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const commit = scene.served.commit(repo);
  const list = () => scene.hub().list(repo, commit, signal);
  const listing = await list();
  scene.served.forgetRequests();
  expect(await list()).toEqual(listing);
  expect(scene.served.requests).toHaveLength(0);

  const folder = join(scene.folder, "state/listings");
  const [name = ""] = await readdir(folder);
  const text = await readFile(join(folder, name), "utf8");
  const wrong = [
    text.slice(0, 40),
    text.replace(commit, "0".repeat(40)),
    text.replace("a/b/model", "a/../model"),
    text.replace('"v":1', '"v":9'),
    text.replace(/"blobName":"\w+"/u, '"blobName":"../../.bashrc"'),
    text.replace(/"hash":\{[^}]+\}/u, '"hash":null'),
    text.replace(/\[.*\]/su, "[null]"),
  ];
  for (const content of wrong) {
    expect(content).not.toBe(text);
    await writeFile(join(folder, name), content);
    expect(await list()).toEqual(listing);
  }
  expect(scene.served.requests).toHaveLength(wrong.length);
});

test("a renamed repository is followed, a branch is asked for each time", async () => {
  await using scene = await openScene({
    repos: [{ id: repo, files }],
    renames: { "old/name": repo },
  });
  expect((await scene.hub().list("old/name", "main", signal)).files).toHaveLength(3);
  const commit = scene.served.publish({ id: repo, files: files.slice(1) });
  expect((await scene.hub().list("old/name", "main", signal)).commit).toBe(commit);
});

test("what the catalog or the token has wrong is told apart", async () => {
  await using scene = await openScene({
    repos: [
      { id: repo, files },
      { id: "org/private", access: "private", files },
      { id: "org/gated", access: "gated", files, readers: ["hf_reader"] },
    ],
    tokens: { hf_good: "annie", hf_reader: "reader" },
  });
  const open = scene.hub();
  const known = scene.hub({ token: "hf_good" });
  const commit = scene.served.commit("org/gated");
  await expect(open.list(repo, "no-branch", signal)).rejects.toThrow(
    failure("hub.revision_not_found", 2, "no-branch"),
  );
  await expect(open.list(repo, "0".repeat(40), signal)).rejects.toThrow(
    failure("hub.revision_not_found", 2),
  );
  await expect(known.list("org/nothing", "main", signal)).rejects.toThrow(
    failure("hub.repo_not_found", 2, "org/nothing"),
  );
  await expect(open.list("org/private", "main", signal)).rejects.toThrow(
    failure("hub.repo_not_found", 2, "private"),
  );
  expect((await known.list("org/private", "main", signal)).files).toHaveLength(3);
  await expect(scene.hub({ token: "hf_wrong" }).whoAmI(signal)).rejects.toThrow(
    failure("hub.token_refused", 2),
  );
  expect(await known.whoAmI(signal)).toEqual({ name: "annie" });
  for (const hub of [open, known]) {
    await expect(hub.requireAccess("org/gated", commit, "config.json", signal)).rejects.toThrow(
      failure("hub.gated", 2, "org/gated"),
    );
  }
  await expect(open.list("../etc", "main", signal)).rejects.toThrow(
    failure("hub.repo_not_found", 2),
  );
  await expect(open.list(repo, "../x", signal)).rejects.toThrow(
    failure("hub.revision_not_found", 2),
  );
});

const html = { status: 200, headers: { "Content-Type": "text/html" }, body: "<h1>Log in</h1>" };
const strangers: [string, Fault["answer"] & object][] = [
  ["a login page", html],
  ["a login page with 403", { ...html, status: 403 }],
  ["a redirect to another host", { status: 302, headers: { Location: "http://login.example/" } }],
  [
    "a JSON of another kind",
    { status: 200, headers: { "Content-Type": "application/json" }, body: '{"ok":true}' },
  ],
  [
    "broken JSON",
    { status: 200, headers: { "Content-Type": "application/json" }, body: '{"sha":' },
  ],
];

test.each(strangers)("%s where the Hub's answer should be is told as such", async (_, answer) => {
  await using scene = await openScene({ repos: [], intercept: () => ({ answer }) });
  const hub = scene.hub({ token: "hf_good" });
  await expect(hub.list(repo, "main", signal)).rejects.toThrow(failure("hub.captive_portal", 5));
  await expect(hub.whoAmI(signal)).rejects.toThrow(failure("hub.captive_portal", 5));
});

test.each([301, 307, 308])(
  "%i to another host that answers in the Hub's place is followed, without the token",
  async (status) => {
    const repos = [{ id: repo, files }];
    await using other = await openScene({ repos });
    await using scene = await openScene({
      repos,
      intercept: ({ url }) => ({
        answer: { status, headers: { Location: other.served.endpoint + url } },
      }),
    });
    const { host } = scene;
    const { endpoint } = scene.served;
    const hub = connectHub({ host, endpoint, token: new Secret("hf_first"), forMs: 0 });
    const { commit, files: found } = await hub.list(repo, "main", signal);
    expect(commit).toBe(other.served.commit(repo));
    expect(found).toHaveLength(files.length);
    const sent = (of: typeof scene) =>
      new Set(of.served.requests.map(({ headers }) => headers.authorization));
    expect(sent(scene)).toEqual(new Set(["Bearer hf_first"]));
    expect(sent(other)).toEqual(new Set([undefined]));
  },
);

test("an endless redirect ends", async () => {
  await using scene = await openScene({
    repos: [],
    intercept: () => ({ answer: { status: 307, headers: { Location: "/api/again" } } }),
  });
  await expect(scene.hub().list(repo, "main", signal)).rejects.toThrow(
    failure("hub.redirect_loop", 5),
  );
});

test("a Hub that can't be reached is tried a few times, then said", async () => {
  await using scene = await openScene({ repos: [] });
  const hub = scene.hub({ endpoint: "http://127.0.0.1:9", forMs: 5000 });
  await expect(hub.list(repo, "main", signal)).rejects.toThrow(
    failure("hub.unreachable", 5, "http://127.0.0.1:9"),
  );
  expect(() => scene.hub({ endpoint: "huggingface" })).toThrow(failure("settings.bad_value", 2));
});

test("500 passes with a later try, and is told when it stays", async () => {
  let left = 2;
  await using scene = await openScene({
    repos: [{ id: repo, files }],
    intercept: () => ((left -= 1) >= 0 ? { answer: { status: 500 } } : undefined),
  });
  expect((await scene.hub().list(repo, "main", signal)).files).toHaveLength(3);
  left = 1000;
  await expect(scene.hub({ forMs: 5000 }).list(repo, "main", signal)).rejects.toThrow(
    failure("hub.server_error", 5, "500"),
  );
});

test("a listing with a name that would leave the cache is refused as a whole", async () => {
  await using scene = await openScene({
    repos: [{ id: repo, files: [{ path: "../../../.bashrc", content: "boo" }] }],
  });
  await expect(scene.hub().list(repo, "main", signal)).rejects.toThrow(
    failure("hub.unsafe_path", 1, ".bashrc"),
  );
});

test("only names that stay in a folder are safe", () => {
  const safe = ["a", "a/b.json", "..a", "a..", ".hidden/x", "ä/ü", "a b"];
  const unsafe = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "./a",
    "a/.",
    "a\0b",
    String.raw`a\b`,
    "a\ud800b",
  ];
  expect(safe.filter((path) => !isSafePath(path))).toEqual([]);
  expect(unsafe.filter((path) => isSafePath(path))).toEqual([]);
  expect(["gpt2", "a/b", "a.b/c_d-e"].every((id) => isRepoId(id))).toBe(true);
  expect(["", "a/b/c", "../a", "a/..", "a--b/c", "a b", "/a"].some((id) => isRepoId(id))).toBe(
    false,
  );
});

test("the token may go to the Hub's origin, encrypted or on this machine", () => {
  const hub = "https://huggingface.co";
  expect(mayHaveToken(hub, "https://huggingface.co/api/x")).toBe(true);
  expect(mayHaveToken(hub, "https://cdn.huggingface.co/x")).toBe(false);
  expect(mayHaveToken(hub, "https://huggingface.co:8443/x")).toBe(false);
  expect(mayHaveToken(hub, "http://huggingface.co/x")).toBe(false);
  expect(mayHaveToken("http://hub.local", "http://hub.local/x")).toBe(false);
  expect(mayHaveToken("http://127.0.0.1:8080", "http://127.0.0.1:8080/x")).toBe(true);
  expect(mayHaveToken("http://127.0.0.1:8080", "http://127.0.0.1:8081/x")).toBe(false);
  expect(mayHaveToken("http://127.evil.example", "http://127.evil.example/x")).toBe(false);
});
