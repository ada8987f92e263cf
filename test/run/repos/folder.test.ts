import { expect, test } from "vitest";
import { isFolder, parseFolder } from "../../../src/run/repos/folder.ts";
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
])("%s is the folder %s", (text, path) => {
  expect(isFolder(text)).toBe(true);
  expect(parseFolder(text, here)).toEqual({ kind: "disk", path, called: path, model: null });
});

test.each([
  ["https://models.example", "https://models.example/"],
  ["https://models.example/spark", "https://models.example/spark/"],
  ["HTTPS://Models.example/spark//", "https://models.example/spark/"],
  ["http://nas.local:8080/m/", "http://nas.local:8080/m/"],
  ["https://models.example/spark/heros-manifest.json", "https://models.example/spark/"],
])("%s is a folder of a web server: %s", (text, url) => {
  expect(isFolder(text)).toBe(true);
  expect(parseFolder(text, here)).toEqual({ kind: "web", url, called: url, model: null });
});

test("what stands behind # says which model is meant", () => {
  expect(parseFolder("file:///mnt/x#org/model", here).model).toEqual({
    repo: "org/model",
    revision: null,
  });
  expect(parseFolder("https://h.example/x/#org/model@v2", here).model).toEqual({
    repo: "org/model",
    revision: "v2",
  });
});

test.each([
  "openai/whisper-tiny",
  "models/x",
  "models/",
  "ollama:llava:7b",
  "s3://models/spark",
  "gs://models",
  "whisper",
  "...",
  "~ann",
])("%s is no folder", (text) => {
  expect(isFolder(text)).toBe(false);
});

test.each([
  "file:models",
  "file://nas/models",
  "file:///mnt/models?x",
  "file:///mnt/%2fmodels",
  "file:///mnt/x#whisper",
  "file:///mnt/x#../../etc",
  "https://h.example/x#a/b@../../x",
  "https://",
])("%s is refused", (text) => {
  expect(() => parseFolder(text, here)).toThrow(
    expect.objectContaining({ code: "folder.bad_name", exitCode: 2 }),
  );
});

test.each([
  "https://me:hunter2@h.example/x",
  "https://hunter2@h.example/x",
  "https://me:hunter2@h.example/x/#org/model",
  "https://me:hunter2@",
  "https://me:hunter2/x@h.example/",
  "https://me:12#hunter2@h.example/",
  "https://me:hunter2%40h.example/x",
  "https://me:hunter2",
  "https://h.example/x?sig=hunter2",
  "https://h.example:hunter2?sig=hunter2",
  "http://me:hunter2@h.example/x?sig=hunter2",
  "file://me:hunter2@nas/x",
])(
  "an address with a login or a query is refused, and its secrets are not repeated: %s",
  (text) => {
    let thrown: unknown = null;
    try {
      parseFolder(text, here);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Failure);
    const { message, hint } = thrown as Failure;
    expect(thrown).toMatchObject({ code: "folder.bad_name", exitCode: 2 });
    expect(`${message} ${hint}`).not.toMatch(/hunter2|sig=/u);
  },
);

test.each([
  ["https://huggingface.co/openai/whisper-tiny", "heros pull openai/whisper-tiny"],
  ["https://huggingface.co/openai/whisper-tiny/tree/main", "heros pull openai/whisper-tiny"],
  ["https://hf.co/", "heros pull OWNER/REPO"],
])("%s is the Hub's page, and the hint names its repository", (text, hint) => {
  expect(() => parseFolder(text, here)).toThrow(
    expect.objectContaining({
      code: "folder.of_hub",
      hint: expect.stringContaining(hint) as unknown,
    }),
  );
});

test("places of all kinds are read by one function, as a catalog may name them", () => {
  expect(
    ["s3://b/x", "file:///x", "https://h/x", "hub:a/b", "ollama:x"].map(isModelsPlace),
  ).toEqual([true, true, true, false, false]);
  expect(parseModelsPlace("s3://models/spark/", here)).toMatchObject({
    kind: "bucket",
    called: "s3://models/spark",
  });
  expect(parseModelsPlace("file:///mnt/x#o/r", here)).toMatchObject({
    kind: "folder",
    called: "/mnt/x",
  });
  expect(() => parseModelsPlace("gs://models", here)).toThrow("gs://");
});
