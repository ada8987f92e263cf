import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  parseEndpoint,
  parseEndpoints,
  findCacheDir,
  findEndpoint,
  findTokens,
  isHubOffline,
} from "../../../src/source/hub/environment.ts";
import { testHost } from "../../machine/test-host.ts";

const place = (env: Record<string, string>) => ({ env, home: "/home/annie", cwd: "/place" });

test("the endpoint loses its trailing slash, and has a default", () => {
  expect(findEndpoint({})).toBe("https://huggingface.co");
  expect(findEndpoint({ HF_ENDPOINT: "https://mirror.example/" })).toBe("https://mirror.example");
  expect(findEndpoint({ HF_ENDPOINT: "" })).toBe("https://huggingface.co");
});

test.each([
  ["http://127.0.0.1:8080/", "http://127.0.0.1:8080"],
  [" https://Hub.example/path// ", "https://hub.example/path"],
  ["hf-mirror.com", "https://hf-mirror.com"],
  ["hub.lan:8080/hf", "https://hub.lan:8080/hf"],
  ["localhost:8080", "http://localhost:8080"],
  ["127.0.0.1:8080", "http://127.0.0.1:8080"],
])("HF_ENDPOINT=%s is asked as %s", (given, expected) => {
  expect(findEndpoint({ HF_ENDPOINT: given })).toBe(expected);
  expect(parseEndpoints("--endpoint", `${given},https://a`)).toEqual([expected, "https://a"]);
});

test.each([
  "huggingface",
  "ftp://hub.example",
  "file:///etc/passwd",
  "https://",
  "https://hub.example?token=S3CRET",
  "https://hub.example#S3CRET",
  "https://me:S3CRET@hub.example",
  "https://S3CRET@hub.example",
  "https://me:S3/CRET@ho st",
  "me:S3CRET@hub.example",
])("the endpoint %s is refused from every source, and no password is shown", (given) => {
  const parse = [
    () => findEndpoint({ HF_ENDPOINT: given }),
    () => parseEndpoint("--endpoint", given),
    () => parseEndpoints("HEROS_ENDPOINT", `https://a,${given}`),
  ];
  for (const each of parse) {
    expect(each).toThrow(expect.objectContaining({ code: "settings.bad_value", exitCode: 2 }));
    expect(each).not.toThrow(/S3|CRET/u);
  }
});

test("each of several endpoints is asked once", () => {
  const list = "https://b/, https://a,https://b";
  expect(parseEndpoints("--endpoint", list)).toEqual(["https://b", "https://a"]);
  expect(() => parseEndpoints("--endpoint", "https://a,")).toThrow(/--endpoint/u);
});

test.each([
  [{}, "/home/annie/.cache/huggingface/hub"],
  [{ XDG_CACHE_HOME: "/xdg" }, "/xdg/huggingface/hub"],
  [{ XDG_CACHE_HOME: "~/xdg" }, "/home/annie/xdg/huggingface/hub"],
  [{ XDG_CACHE_HOME: "relative" }, "/home/annie/.cache/huggingface/hub"],
  [{ XDG_CACHE_HOME: "/xdg", HF_HOME: "/hf" }, "/hf/hub"],
  [{ HF_HOME: "/hf", HUGGINGFACE_HUB_CACHE: "/old" }, "/old"],
  [{ HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/new" }, "/new"],
  [{ HF_HUB_CACHE: "~/models" }, "/home/annie/models"],
  [{ HF_HUB_CACHE: "$DATA/${SUB}/hub", DATA: "/data", SUB: "x" }, "/data/x/hub"],
  [{ HF_HUB_CACHE: "$MISSING/hub" }, "/place/$MISSING/hub"],
  [{ HF_HOME: "relative" }, "/place/relative/hub"],
])("the cache folder of %o is %s", (env, expected) => {
  expect(findCacheDir(place(env))).toBe(expected);
});

test("offline means what huggingface_hub takes for yes", () => {
  expect(["1", "true", "Yes", "ON"].every((word) => isHubOffline({ HF_HUB_OFFLINE: word }))).toBe(
    true,
  );
  expect(["0", "", "no"].some((word) => isHubOffline({ HF_HUB_OFFLINE: word }))).toBe(false);
});

test("tokens are found in the environment first, then in the Hub's file, and never shown", async () => {
  const home = await mkdtemp(join(tmpdir(), "heros-tokens-"));
  await mkdir(join(home, ".cache/huggingface"), { recursive: true });
  await writeFile(join(home, ".cache/huggingface/token"), "hf_file\r\n");
  await writeFile(join(home, "elsewhere"), "hf_elsewhere");
  const find = (env: Record<string, string>) =>
    findTokens({ env, home, cwd: home, files: fs, clock: testHost().clock });

  const tokens = await find({ HF_TOKEN: " hf_env\n", HUGGING_FACE_HUB_TOKEN: "hf_old" });
  expect(tokens.map(({ where, source }) => [where, source])).toEqual([
    ["HF_TOKEN", "environment"],
    ["~/.cache/huggingface/token", "hub-file"],
  ]);
  expect(tokens.map(({ token }) => token.reveal())).toEqual(["hf_env", "hf_file"]);
  expect(JSON.stringify(tokens)).not.toMatch(/hf_/u);

  const [old] = await find({ HUGGING_FACE_HUB_TOKEN: "hf_old" });
  expect(old?.where).toBe("HUGGING_FACE_HUB_TOKEN");
  const [given] = await find({ HF_TOKEN_PATH: "~/elsewhere" });
  expect(given?.token.reveal()).toBe("hf_elsewhere");
  expect(await find({ HF_HOME: "/nowhere" })).toEqual([]);
  await rm(home, { recursive: true });
});
