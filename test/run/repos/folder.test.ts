import { expect, test } from "vitest";
import {
  folderEndpoint,
  isFolder,
  isFolderEndpoint,
  parseFolder,
} from "../../../src/run/repos/folder.ts";
import { isModelsPlace, parseModelsPlace } from "../../../src/run/repos/models-place.ts";
import { Failure } from "../../../src/run/failure.ts";

const here = { cwd: "/work", home: "/home/ann" };

test.each([
  ["file:///mnt/nas/models", "/mnt/nas/models"],
  ["file:///mnt/nas/models/", "/mnt/nas/models"],
  ["file://localhost/mnt/nas", "/mnt/nas"],
  ["FILE:///mnt/my%20models", "/mnt/my models"],
  ["/mnt/nas/models", "/mnt/nas/models"],
  ["./models/", "/work/models"],
  [".", "/work"],
  ["..", "/"],
  ["../models", "/models"],
  ["~/models", "/home/ann/models"],
  ["/mnt/nas/a#b", "/mnt/nas/a#b"],
  ["file:///mnt/nas/heros-manifest.json", "/mnt/nas"],
  ["/mnt/nas/SHA256SUMS", "/mnt/nas"],
])("%s is the folder %s", (text, path) => {
  expect(isFolder(text)).toBe(true);
  expect(parseFolder(text, here)).toEqual({ kind: "disk", path, called: path, model: null });
});

test.each([
  ["https://models.example", "https://models.example/"],
  ["https://models.example/annie", "https://models.example/annie/"],
  ["HTTPS://Models.example/annie//", "https://models.example/annie/"],
  ["http://nas.local:8080/m/", "http://nas.local:8080/m/"],
  ["folder+https://models.example/annie/", "https://models.example/annie/"],
  ["https://models.example/annie/heros-manifest.json", "https://models.example/annie/"],
  ["https://models.example/x/SHA256SUMS", "https://models.example/x/"],
])("%s is a folder of a web server: %s", (text, url) => {
  expect(isFolder(text)).toBe(true);
  expect(parseFolder(text, here)).toMatchObject({ kind: "web", url, called: url, login: null });
});

test("what stands behind # says which model is meant, or how the only one is called", () => {
  expect(parseFolder("file:///mnt/x#org/model", here).model).toEqual({
    repo: "org/model",
    revision: null,
  });
  expect(parseFolder("https://h.example/x/#org/model@v2", here).model).toEqual({
    repo: "org/model",
    revision: "v2",
  });
});

test("a login and a query are kept apart, and shown nowhere", () => {
  const place = parseFolder("https://me:hunter%402@h.example/x?sv=1&sig=hunter3", here);
  expect(place).toMatchObject({ url: "https://h.example/x/", called: "https://h.example/x/" });
  if (place.kind !== "web") throw new Error("no web folder");
  expect(place.login?.reveal()).toBe("me:hunter@2");
  expect(place.query?.reveal()).toBe("?sv=1&sig=hunter3");
  expect(JSON.stringify(place)).not.toContain("hunter");
});

test.each([
  "openai/whisper-tiny",
  "models/x",
  "models/",
  "ollama:llava:7b",
  "s3://models/annie",
  "gs://models",
  "whisper",
  "...",
  "~ann",
])("%s is no folder", (text) => {
  expect(isFolder(text)).toBe(false);
});

test("in the Hub's place, https is a Hub and a folder says that it is one", () => {
  expect(isFolderEndpoint("https://models.example")).toBe(false);
  for (const text of ["file:///mnt/my models", "folder+https://models.example/x/"]) {
    expect(isFolderEndpoint(text)).toBe(true);
    const place = parseFolder(text, here);
    expect(parseFolder(folderEndpoint(place), here)).toEqual(place);
  }
});

test.each([
  "file:models",
  "file://nas/models",
  "file:///mnt/models?x",
  "file:///mnt/%2fmodels",
  "file:///mnt/x#whisper",
  "file:///mnt/x#../../etc",
  "folder+s3://models",
  "folder+https://",
  "https://h.example/x#a/b@../../x",
  "https://",
])("%s is refused", (text) => {
  expect(() => parseFolder(text, here)).toThrow(
    expect.objectContaining({ code: "folder.bad_name", exitCode: 2 }),
  );
});

test.each([
  "https://me:hunter2@",
  "https://me:hunter2/x@h.example/",
  "https://me:12#hunter2@h.example/",
  "folder+https://me:hunter2%@h.example/",
  "https://h.example:hunter2?sig=hunter2",
])("what can't be read is not repeated with its secrets: %s", (text) => {
  let thrown: unknown = null;
  try {
    parseFolder(text, here);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(Failure);
  const { message, hint } = thrown as Failure;
  expect(`${message} ${hint}`).not.toContain("hunter2@");
  expect(`${message} ${hint}`).not.toMatch(/me:|sig=/u);
});

test.each([
  ["https://huggingface.co/openai/whisper-tiny", "heros pull openai/whisper-tiny"],
  ["https://huggingface.co/openai/whisper-tiny/tree/main", "heros pull openai/whisper-tiny"],
  ["https://hf.co/", "heros pull OWNER/REPO"],
])("%s is the Hub's page, and the hint names its repository", (text, hint) => {
  expect(() => parseFolder(text, here)).toThrow(
    expect.objectContaining({ code: "folder.of_hub", hint: expect.stringContaining(hint) }),
  );
});

test("places of all kinds are read by one function, as a catalog may name them", () => {
  expect(
    ["s3://b/x", "file:///x", "https://h/x", "hub:a/b", "ollama:x"].map(isModelsPlace),
  ).toEqual([true, true, true, false, false]);
  expect(parseModelsPlace("s3://models/annie/", here)).toMatchObject({
    kind: "bucket",
    called: "s3://models/annie",
  });
  expect(parseModelsPlace("file:///mnt/x#o/r", here)).toMatchObject({
    kind: "folder",
    called: "/mnt/x",
  });
  expect(() => parseModelsPlace("gs://models", here)).toThrow("gs://");
});
