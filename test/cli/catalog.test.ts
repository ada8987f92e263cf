import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { beforeEach, expect, test } from "vitest";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});

const catalog = `schema: 2
stack:
  id: mine
  base: ./compose.yml
  service: web
  port: { variable: MY_PORT, usual: 9000, inside: 80 }
  services: { web: {}, worker: {} }
groups: [{ id: all, required: true }]
`;

async function check(compose: string | null, text = catalog) {
  const folder = path.join(sandbox.dir, "mine");
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "stack.yaml"), text);
  if (compose !== null) await writeFile(path.join(folder, "compose.yml"), compose);
  return sandbox.run(["catalog", "check", path.join(folder, "stack.yaml"), "--json"]);
}

const eventOf = (stdout: string, type: string): Record<string, unknown> | undefined =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .find((event) => event["type"] === type);

test("the catalogs that ship are listed, the default first, and each is valid", async () => {
  const run = await sandbox.run(["catalog", "ls", "--json"]);
  expect(run.exitCode).toBe(0);
  const { catalogs } = eventOf(run.stdout, "catalogs.listed") as {
    catalogs: readonly { readonly name: string }[];
  };
  expect(catalogs.map(({ name }) => name)).toEqual(["her-os", "open-webui", "rma-demo"]);
  for (const { name } of catalogs) {
    expect((await sandbox.run(["catalog", "check", name])).exitCode).toBe(0);
  }
});

test("a catalog whose compose file has its services is valid", async () => {
  const run = await check("services: { web: { image: a }, worker: { image: b } }\n");
  expect(run.exitCode).toBe(0);
  expect(eventOf(run.stdout, "catalog.checked")).toMatchObject({
    schema: 2,
    catalog: { stack: "mine", services: ["web", "worker"], groups: [{ id: "all" }] },
  });
});

test.each([
  [
    "a service that its compose file lacks",
    "services: { web: { image: a } }\n",
    "line 7: stack.services.worker: compose.yml has no such service",
  ],
  ["a compose file that is not there", null, "line 4: stack.base: there is no file"],
  ["a compose file that is none", "services: [", "line 4: stack.base: "],
])("%s is told with its place", async (_what, compose, problem) => {
  const run = await check(compose);
  const failure = failureOf(run);
  expect(failure).toMatchObject({ code: "catalog.invalid", exitCode: 2 });
  expect(failure.message).toContain(problem);
});

test("a base that is there and can't be read is told with its reason", async () => {
  await mkdir(path.join(sandbox.dir, "mine", "compose.yml"), { recursive: true });
  const { message } = failureOf(await check(null));
  expect(message).toMatch(/line 4: stack\.base: \S+compose\.yml can't be read: it is a folder\.$/);
});

test("a file that can't be read is told as that", async () => {
  const run = await sandbox.run(["catalog", "check", "./nowhere.yaml", "--json"]);
  expect(failureOf(run)).toMatchObject({ code: "catalog.unreadable", exitCode: 2 });
});
