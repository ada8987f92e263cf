import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";

const entry = join(import.meta.dirname, "../../src/demo/hub/serve.ts");

interface Addresses {
  readonly endpoint: string;
  readonly contentOrigin: string;
  readonly repos: readonly { readonly id: string; readonly commit: string }[];
}

async function serve(args: string) {
  const child = spawn(process.execPath, [entry, ...args.split(" ")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const line = await new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).once("line", resolve);
  });
  return { child, exited, addresses: JSON.parse(line) as Addresses };
}

test("the Hub as a process of its own serves a catalog and files, and ends with its stdin", async () => {
  const { child, exited, addresses } = await serve(
    "--catalog assets/catalogs/her-os.yaml --scale 0.0001 --file demo/big:a.bin:1000 --token hf_ann:ann",
  );

  expect(addresses.repos.map(({ id }) => id)).toContain("openai/whisper-large-v3");
  const file = await fetch(`${addresses.endpoint}/demo/big/resolve/main/a.bin`);
  expect((await file.arrayBuffer()).byteLength).toBe(1000);
  expect(new URL(file.url).origin).toBe(addresses.contentOrigin);
  const who = await fetch(`${addresses.endpoint}/api/whoami-v2`, {
    headers: { authorization: "Bearer hf_ann" },
  });
  expect(await who.json()).toMatchObject({ name: "ann" });

  child.stdin.end();
  expect(await exited).toEqual([0, null]);
});

test("the Hub as a process of its own ends at SIGTERM", async () => {
  const { child, exited } = await serve("--file demo/big:a.bin:1000 --detached");

  child.kill("SIGTERM");

  expect(await exited).toEqual([0, null]);
});
