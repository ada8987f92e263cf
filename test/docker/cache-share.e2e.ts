import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { docker, startHeros } from "./run-heros.ts";

async function openFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "heros share "));
  onTestFinished(async () => {
    await docker(["compose", "down", "--timeout", "1"], folder).catch(() => "");
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

test("a container reads the shared cache, whatever is in its path", async () => {
  const folder = await openFolder();
  const hub = path.join(folder, "the:cache, $5");
  await mkdir(hub);
  await writeFile(path.join(hub, "models--a--b"), "weights");
  const used = await usedImage();
  await writeFile(
    path.join(folder, "compose.yml"),
    `services: {reader: {image: "${used}", entrypoint: [/bin/cat, /root/.cache/huggingface/hub/models--a--b]}}\n`,
  );
  const env = Object.fromEntries(
    ["PATH", "DOCKER_HOST", "DOCKER_CONFIG"].map((name) => [name, process.env[name] ?? ""]),
  );
  const heros = (args: readonly string[]) =>
    startHeros({
      args: ["cache", "share", "--json", `--cache-dir=${hub}`, ...args],
      env: { ...env, HOME: folder },
    }).ended;
  const run = await heros(["reader", "--read-only", `--stack-dir=${folder}`]);
  expect(run.exitCode, run.stderr).toBe(0);
  const files = ["-f", "compose.yml", "-f", "docker-compose.cache.yml"];
  const network = path.join(folder, "network.yml");
  await writeFile(network, "services: {reader: {network_mode: none}}\n");
  const printed = await docker(
    ["compose", ...files, "-f", network, "run", "--rm", "reader"],
    folder,
  );
  expect(printed).toBe("weights");
  const before = await readFile(path.join(folder, "docker-compose.cache.yml"), "utf8");
  await heros(["reader", "--read-only", `--stack-dir=${folder}`]);
  expect(await readFile(path.join(folder, "docker-compose.cache.yml"), "utf8")).toBe(before);
});

/** Of the stand-ins that were made for the base compose file, one with a busybox. */
async function usedImage(): Promise<string> {
  const images = await docker(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
  const image = images.split("\n").find((each) => each.startsWith("redis:"));
  expect(image).toBeDefined();
  return image ?? "";
}

test("compose accepts the bucket of assets/compose/minio.yml, and asks for its password", async () => {
  const folder = await openFolder();
  await cp(
    fileURLToPath(new URL("../../assets/compose/minio.yml", import.meta.url)),
    path.join(folder, "minio.yml"),
  );
  const config = () => docker(["compose", "-f", "minio.yml", "config", "-q"], folder);
  await expect(config()).rejects.toThrow("put MINIO_ROOT_PASSWORD into .env");
  await writeFile(path.join(folder, ".env"), "MINIO_ROOT_PASSWORD=0123456789abcdef\n");
  expect(await config()).toBe("");
});
