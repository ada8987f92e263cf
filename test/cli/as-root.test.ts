import process from "node:process";
import { beforeEach, expect, it } from "vitest";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import type { Sandbox } from "./sandbox.ts";
import { catalogOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;

beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
});

it.runIf(process.getuid?.() === 0).each([
  ["ann", true],
  ["root", false],
  [undefined, false],
])("as root, come by sudo from %s, it is said whose the files will be: %s", async (user, told) => {
  const catalog = await catalogOf(sandbox, "demo/voice");
  const args = ["setup", "--dry-run", "--yes", "--allow-unsupported", "--json"];
  const run = await sandbox.run([...args, "--catalog", catalog, "--endpoint", hub.endpoint], {
    env: { SUDO_USER: user },
  });
  expect(run.exitCode).toBe(0);
  const codes = run.events().map((event) => (event.type === "notice" ? event.code : ""));
  expect(codes.includes("setup.as_root")).toBe(told);
});
