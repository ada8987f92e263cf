import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { passwordsOf, secretsIn } from "./leaks.ts";

const secrets = { token: "hf_aToken/With+Signs", password: "0123456789abcdef" };

test.each([
  ["plain", `Bearer ${secrets.token}`, ["token"]],
  ["in an address", `https://x:${encodeURIComponent(secrets.token)}@host`, ["token"]],
  ["in base64", Buffer.from(secrets.password).toString("base64"), ["password"]],
  [
    "in base64 behind a name",
    Buffer.from(`user:${secrets.password}`).toString("base64"),
    ["password"],
  ],
  [
    "in base64 behind another",
    Buffer.from(`neo4j/${secrets.password}`).toString("base64"),
    ["password"],
  ],
  ["nowhere", "hf_another token", []],
])("a secret is found %s", (_where, text, names) => {
  expect(secretsIn(secrets, text)).toEqual(names);
});

test("passwords are those of .env", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-leaks-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, ".env");
  await writeFile(file, "HER_OS_PORT=1\nPOSTGRES_PASSWORD=one\nNEO4J_PASSWORD=two\n");
  await chmod(file, 0o600);
  expect(await passwordsOf(folder)).toEqual({ POSTGRES_PASSWORD: "one", NEO4J_PASSWORD: "two" });
});
