import { createServer } from "node:http";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import type { HerosRun, Sandbox } from "./sandbox.ts";
import { catalogOf, failureOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;

beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
});

const pull = (catalog: string, ...more: string[]) => pullWith({}, catalog, ...more);

async function pullWith(
  env: Readonly<Record<string, string>>,
  catalog: string,
  ...more: string[]
): Promise<HerosRun> {
  const cache = ["--cache-dir", `${sandbox.dir}/cache`];
  const where = ["--catalog", catalog, "--endpoint", hub.endpoint, ...cache];
  return sandbox.run(["pull", ...where, "--json", ...more], { env });
}

describe("heros pull, given something wrong,", () => {
  it("says which flag does not exist", async () => {
    const run = await pull(await catalogOf(sandbox, "demo/voice"), "--nope");
    expect(failureOf(run)).toMatchObject({
      code: "usage.wrong",
      exitCode: 2,
      message: expect.stringContaining("--nope") as unknown,
    });
  });

  it("says which tier does not exist", async () => {
    const run = await pull(await catalogOf(sandbox, "demo/voice"), "--tiers", "4");
    expect(failureOf(run)).toMatchObject({ code: "groups.unknown", exitCode: 2 });
  });

  it("says file, line and key of a catalog that is wrong", async () => {
    const catalog = await sandbox.file("wrong.yaml", "schema: 1\nstack: x\ntears: []\n");
    const failure = failureOf(await pull(catalog));
    expect(failure).toMatchObject({ code: "catalog.invalid", exitCode: 2 });
    expect(failure.message).toMatch(/wrong\.yaml, line \d+: /);
  });

  it("says that a catalog is not there", async () => {
    expect(failureOf(await pull("nowhere.yaml"))).toMatchObject({
      code: "catalog.unreadable",
      exitCode: 2,
    });
  });

  it.each([
    ["--catalog", "catalog.unreadable"],
    ["--config", "config.unreadable"],
    ["--token-file", "token.unreadable"],
  ])("reads no file without an end for %s", async (flag, code) => {
    const run = await sandbox.run([
      "pull",
      flag,
      "/dev/zero",
      "--endpoint",
      hub.endpoint,
      "--json",
    ]);
    expect(failureOf(run)).toMatchObject({
      code,
      exitCode: 2,
      message: expect.stringContaining("it is not a regular file") as unknown,
    });
  });

  it("reads no bytes as letters that they are not", async () => {
    const latin = join(sandbox.dir, "latin1.yaml");
    await writeFile(latin, Buffer.from("title: M\u00fcll\n", "latin1"));
    expect(failureOf(await pull(latin))).toMatchObject({
      code: "catalog.unreadable",
      message: expect.stringContaining("not a text in UTF-8") as unknown,
    });
  });

  it.each([
    ["HF_ENDPOINT", ["pull", "voice"]],
    ["HEROS_ENDPOINT", ["pull", "voice"]],
    ["HF_ENDPOINT", ["doctor"]],
    ["HF_ENDPOINT", ["models", "ls"]],
  ])("shows no password of %s, to %j", async (name, args) => {
    const catalog = await catalogOf(sandbox, "demo/voice");
    const env = { [name]: `http://me:S3CRET@127.0.0.1:9`, HEROS_CATALOG: catalog };
    const run = await sandbox.run([...args, "--json"], { env });
    expect(failureOf(run)).toMatchObject({ code: "settings.bad_value", exitCode: 2 });
    expect(run.stdout + run.stderr).not.toContain("S3CRET");
  });

  it("says that a revision does not exist", async () => {
    const run = await pull(await catalogOf(sandbox, "demo/voice", "v9"));
    expect(failureOf(run)).toMatchObject({ code: "hub.revision_not_found", exitCode: 2 });
  });

  it("says that a repository does not exist", async () => {
    const run = await pull(await catalogOf(sandbox, "demo/nothing"));
    expect(failureOf(run)).toMatchObject({
      code: expect.stringMatching(/^hub\./) as unknown,
      exitCode: 2,
    });
  });

  it("says how to get at a gated model", async () => {
    const run = await pull(await catalogOf(sandbox, "demo/gated"));
    expect(failureOf(run)).toMatchObject({ code: "hub.gated", exitCode: 2 });
  });

  it("says that the Hub refuses the token, and never shows it", async () => {
    const token = await sandbox.file("token", "hf_refused_token\n");
    const run = await pull(await catalogOf(sandbox, "demo/voice"), "--token-file", token, "-v");
    expect(failureOf(run)).toMatchObject({ code: "hub.token_refused", exitCode: 2 });
    expect(run.stdout + run.stderr).not.toContain("hf_refused_token");
  });

  it.each([
    ["HF_TOKEN", "hf_stale_token"],
    ["HUGGING_FACE_HUB_TOKEN", "hf_stale_token"],
    ["HF_TOKEN", "hf_☃_no_header_may_hold"],
    ["HF_TOKEN", "hf_stale token"],
    ["~/.cache/huggingface/token", "hf_stale_token"],
    ["~/.cache/huggingface/token", "hf_☃_no_header_may_hold"],
  ])(
    "goes on without a token that it found in %s and that is not good: %s",
    async (where, token) => {
      if (where.startsWith("~")) await sandbox.file(`home/${where.slice(2)}`, `${token}\n`);
      const env = where.startsWith("~") ? {} : { [where]: token };
      const run = await pullWith(env, await catalogOf(sandbox, "demo/voice"));
      expect(run.exitCode).toBe(0);
      const notices = run.events().filter((event) => event.type === "notice");
      expect(notices.map(({ code }) => code)).toEqual(["hub.token_refused"]);
      expect(notices[0]?.message).toContain(where);
      expect(run.stdout + run.stderr).not.toContain(token);
      const sent = hub.requests.flatMap(({ headers }) => headers.authorization ?? []);
      expect(sent.length).toBe(token === "hf_stale_token" ? 1 : 0);
    },
  );

  it("says that a model is gated once a found token is refused", async () => {
    const run = await pullWith({ HF_TOKEN: "hf_stale" }, await catalogOf(sandbox, "demo/gated"));
    expect(failureOf(run)).toMatchObject({ code: "hub.gated", exitCode: 2 });
    expect(run.events()).toContainEqual(expect.objectContaining({ code: "hub.token_refused" }));
  });

  it("says that a token file holds no token", async () => {
    const token = await sandbox.file("token", "two words\n");
    expect(
      failureOf(await pull(await catalogOf(sandbox, "demo/voice"), "--token-file", token)),
    ).toMatchObject({
      code: "token.malformed",
      exitCode: 2,
    });
  });

  it("tells a login page from a Hub", async () => {
    const portal = createServer((_request, response) => {
      response
        .writeHead(200, { "content-type": "text/html" })
        .end("<html>Welcome to the hotel</html>");
    });
    await new Promise<void>((resolve) => portal.listen(0, "127.0.0.1", resolve));
    const { port } = portal.address() as AddressInfo;
    const catalog = await catalogOf(sandbox, "demo/voice");
    const run = await sandbox.run([
      "pull",
      "--catalog",
      catalog,
      "--endpoint",
      `http://127.0.0.1:${port}`,
      "--json",
    ]);
    portal.close();
    expect(failureOf(run)).toMatchObject({ code: "hub.captive_portal", exitCode: 5 });
  });

  it("says that the cache can't be written", async () => {
    await sandbox.file("cache", "a file where the folder should be");
    expect(failureOf(await pull(await catalogOf(sandbox, "demo/voice")))).toMatchObject({
      code: "cache.not_writable",
    });
  });

  it("says how much space is missing, before the first byte", async () => {
    const size = 9e15;
    const lfs = { oid: "b".repeat(64), size, pointerSize: 134 };
    const tree = [{ type: "file", path: "model.safetensors", size, oid: "a".repeat(40), lfs }];
    hub.setIntercept(({ url }) =>
      url.includes("/tree/")
        ? {
            answer: {
              status: 200,
              headers: { "content-type": "application/json" },
              body: JSON.stringify(tree),
            },
          }
        : undefined,
    );
    const failure = failureOf(await pull(await catalogOf(sandbox, "demo/voice")));
    expect(failure).toMatchObject({ code: "disk.too_small", exitCode: 7 });
    expect(failure.message).toMatch(/Not enough disk space in .*cache: the models need 9\d+ TB/);
    expect(hub.sentBytes()).toBe(0);
  });

  it("refuses names that would leave the cache", async () => {
    hub.publish({ id: "demo/evil", files: [{ path: "../../escape", content: "x" }] });
    expect(failureOf(await pull(await catalogOf(sandbox, "demo/evil")))).toMatchObject({
      code: "hub.unsafe_path",
    });
  });

  it("says what is missing where it must stay offline", async () => {
    const catalog = await catalogOf(sandbox, "demo/voice");
    const run = await sandbox.run(
      ["pull", "--catalog", catalog, "--endpoint", hub.endpoint, "--json"],
      {
        env: { HF_HUB_OFFLINE: "1" },
      },
    );
    expect(failureOf(run)).toMatchObject({ code: "hub.offline", exitCode: 5 });
    expect(hub.requests).toHaveLength(0);
  });
});
