import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import type { Host } from "../../../src/host/host.ts";
import {
  minimalBase,
  newStackDir,
  read,
  setUpStack,
  temporaryFolder,
  testHost,
} from "./fixtures.ts";

/** Forty anchors, each made of the one before. */
function bomb(made: (name: string) => string): string {
  const lines = Array.from(
    { length: 40 },
    (_, index) => `x-${index + 1}: &a${index + 1} ${made(`a${index}`)}\n`,
  );
  return `x-0: &a0 {k: x}\n${lines.join("")}${minimalBase}`;
}

test.each([
  ["not YAML", "services: [", /docker-compose\.yml is not valid YAML/],
  ["no map", "just words", /is not a compose file/],
  ["empty", "", /is not a compose file/],
  ["without Annie", "services:\n  web: {image: x}\n", /no service named her-os-core/],
  ["an alias to nothing", "services: *gone\n", /is not valid YAML/],
  ["an alias bomb", bomb((name) => `[${`*${name},`.repeat(10)}]`), /is not valid YAML/],
  ["a bomb of merge keys", bomb((name) => `{<<: [*${name}, *${name}]}`), /is not valid YAML/],
  ["an anchor that holds itself", `x-a: &a [*a]\n${minimalBase}`, /is not valid YAML/],
  ["nested without end", "[".repeat(100_000), /is not valid YAML/],
])("a base that is %s is told with its path, exit 2", async (_what, base, message) => {
  const stackDir = await newStackDir({ "docker-compose.yml": base });
  const error: unknown = await setUpStack({ stackDir }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "stack.base_invalid",
    exitCode: 2,
    message: expect.stringMatching(message) as string,
  });
  expect(await readdir(stackDir)).toEqual(["docker-compose.yml"]);
});

test.each([
  ["includes other files", "include: [other.yml]\n"],
  [
    "uses anchors and merge keys",
    "x-a: &a\n  her-os-core: {image: x}\nservices:\n  <<: *a\n  db: {image: y}\n",
  ],
  [
    "uses compose's own tags",
    "services:\n  her-os-core:\n    ports: !override [80]\n    build: !reset null\n",
  ],
  [
    "merges one anchor a thousand times",
    `x-a: &a {image: x, environment: &e {A: "1"}}\nservices:\n  her-os-core: {<<: *a}\n${Array.from({ length: 1000 }, (_, index) => `  s${index}: {<<: *a, environment: {<<: *e}}\n`).join("")}`,
  ],
  [
    "has several documents",
    `services:\n  db: {image: y}\n---\n${minimalBase}---\nvolumes: {a: }\n`,
  ],
  ["has its services in a second document and an include", `x-a: 1\n---\ninclude: [other.yml]\n`],
  ["ends its lines as Windows does", minimalBase.replaceAll("\n", "\r\n")],
])("a base that %s is taken", async (_what, base) => {
  const stackDir = await newStackDir({ "docker-compose.yml": base });
  expect(await setUpStack({ stackDir })).toMatchObject({ "docker-compose.yml": "unchanged" });
});

test("a base in UTF-16 is read, as compose reads it", async () => {
  const stackDir = await newStackDir({ "docker-compose.yml": "" });
  const file = path.join(stackDir, "docker-compose.yml");
  await writeFile(file, `\uFEFF${minimalBase}`, "utf16le");
  expect(await setUpStack({ stackDir })).toMatchObject({ "docker-compose.yml": "unchanged" });
});

test("a COMPOSE_FILE that names a missing file is told", async () => {
  const stackDir = await newStackDir({ ".env": "COMPOSE_FILE=gone.yml\n" });
  await expect(setUpStack({ stackDir })).rejects.toMatchObject({
    code: "stack.base_invalid",
    exitCode: 2,
  });
});

test("a file where the folder should be is told", async () => {
  const folder = await temporaryFolder();
  await writeFile(path.join(folder, "her-os"), "");
  for (const stackDir of [path.join(folder, "her-os"), path.join(folder, "her-os", "deeper")]) {
    await expect(setUpStack({ stackDir })).rejects.toMatchObject({
      code: "stack.not_writable",
      exitCode: 1,
      message: expect.stringContaining(`${folder}/her-os`) as string,
    });
  }
});

test("a folder that may not be written is told before anything is asked of the person", async () => {
  const stackDir = await newStackDir();
  const host = testHost();
  const files: Host["files"] = {
    ...host.files,
    access: () => Promise.reject(Object.assign(new Error("EACCES"), { code: "EACCES" })),
  };
  await expect(setUpStack({ stackDir, host: { ...host, files } })).rejects.toMatchObject({
    code: "stack.not_writable",
    hint: expect.stringContaining("sudo chown") as string,
  });
});

test.each([
  ["EACCES", "stack.not_writable", 1],
  ["EROFS", "disk.read_only", 1],
  ["ENOSPC", "disk.full", 7],
])("%s while writing is %s, and leaves no half-written file", async (name, code, exitCode) => {
  const stackDir = await newStackDir({ ".env": "A=1\n" });
  const host = testHost();
  const files: Host["files"] = {
    ...host.files,
    rename: () => Promise.reject(Object.assign(new Error(name), { code: name })),
  };
  await expect(setUpStack({ stackDir, host: { ...host, files } })).rejects.toMatchObject({
    code,
    exitCode,
  });
  expect(await readdir(stackDir)).toEqual([".env"]);
  expect(await read(stackDir, ".env")).toBe("A=1\n");
});

test("a folder for models that can't be made is told by its own path", async () => {
  const stackDir = await newStackDir();
  await writeFile(path.join(stackDir, "../hub"), "");
  await expect(setUpStack({ stackDir })).rejects.toMatchObject({
    code: "cache.not_writable",
    message: expect.stringContaining(`${path.dirname(stackDir)}/hub`) as string,
    hint: expect.not.stringContaining("--stack-dir") as string,
  });
});
