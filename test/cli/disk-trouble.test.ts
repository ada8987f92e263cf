import { afterEach, beforeEach, expect, it } from "vitest";
import { startHub, type EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { catalogOf, failureOf, hosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = await startHub(hosted);
});

afterEach(async () => {
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

async function pull(cacheDir: string, limit?: string) {
  const catalog = await catalogOf(sandbox, "demo/voice");
  const where = ["--catalog", catalog, "--endpoint", hub.endpoint, "--cache-dir", cacheDir];
  const options = limit === undefined ? {} : { limit };
  return failureOf(await sandbox.run(["pull", ...where, "--json"], options));
}

it("a file that is larger than the system allows is no bug", async () => {
  // Of 512 bytes in one shell, of 1024 in another.
  expect(await pull(`${sandbox.dir}/cache`, "-f 1000")).toMatchObject({
    code: "disk.file_too_large",
    exitCode: 7,
  });
});

// Where it runs out differs: at a connection, at the lock's helper, at a thread.
it.each([28, 32])("a limit of %i open files is no bug", async (count) => {
  expect(await pull(`${sandbox.dir}/cache`, `-n ${count}`)).toMatchObject({
    code: "files.too_many_open",
    exitCode: 1,
  });
});

it("a name that is too long is no bug", async () => {
  expect(await pull(`${sandbox.dir}/${"x".repeat(260)}`)).toMatchObject({
    code: "path.too_long",
    exitCode: 1,
  });
});
