import { mkdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../host/free-port.ts";
import { docker, ofType } from "./run-heros.ts";
import { openScene } from "./scene.ts";

/** The seed's own warm-up, as a user of it has it, in the machine's network, where the test's Hub is. */
const seedsWarmup = `services:
  model-warmup:
    image: ghcr.io/her-os/her-os-core:\${HER_OS_VERSION:-latest}
    network_mode: host
    restart: "no"
    command: ["python", "-m", "her_os.bootstrap", "--download-only"]
    volumes:
      - model-cache:/data/models
`;

interface Inspected {
  readonly Id: string;
  readonly State: { readonly StartedAt: string; readonly ExitCode: number };
  readonly Mounts: readonly { readonly Destination: string; readonly RW: boolean }[];
  readonly HostConfig: { readonly DeviceRequests: readonly unknown[] | null };
}

async function inspect(stackDir: string, service: string): Promise<Inspected> {
  const id = (await docker(["compose", "ps", "-aq", service], stackDir)).trim();
  const [found] = JSON.parse(await docker(["inspect", id])) as [Inspected];
  return found;
}

const models = (found: Inspected) =>
  found.Mounts.find(({ Destination }) => Destination === "/data/models");

test("a warm-up finds what heros downloaded, fetches nothing, and runs again at each up without a word to Annie's container", async () => {
  const scene = await openScene();
  const { stackDir } = scene;
  const flags = [`--port=${await freePort()}`, "--startup=warmup"];
  const run = await scene.setup(flags);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const started = run.events.findIndex(({ type }) => type === "stack.command");
  const downloaded = run.events.findIndex(({ type }) => type === "download.finished");
  expect(started).toBeGreaterThan(downloaded);

  const log = await docker(["compose", "logs", "--no-log-prefix", "model-warmup"], stackDir);
  expect(log).toContain("[bootstrap] openai/whisper-large-v3 ready (cached)");
  expect(log).toContain("DOWNLOAD_PRIORITY 2");
  expect(log).toContain("[bootstrap] all models are ready");
  expect(log).not.toContain("Ensuring");
  const [core, warmup] = [
    await inspect(stackDir, "her-os-core"),
    await inspect(stackDir, "model-warmup"),
  ];
  expect([models(core)?.RW, models(warmup)?.RW]).toEqual([false, true]);
  expect(warmup.HostConfig.DeviceRequests).toBeNull();

  const again = await scene.setup(flags);
  expect(again.exitCode).toBe(0);
  expect(new Set(ofType(again, "file.written").map(({ action }) => action))).toEqual(
    new Set(["unchanged"]),
  );
  await docker(["compose", "up", "-d"], stackDir);
  const after = await inspect(stackDir, "her-os-core");
  expect([after.Id, after.State.StartedAt]).toEqual([core.Id, core.State.StartedAt]);
  const ranAgain = await inspect(stackDir, "model-warmup");
  expect(ranAgain.Id).toBe(warmup.Id);
  expect(ranAgain.State.StartedAt).not.toBe(warmup.State.StartedAt);
});

test("a warm-up that fails keeps Annie down, and is told with its last lines", async () => {
  const scene = await openScene({
    override: `${seedsWarmup}    environment: {BOOTSTRAP_FAILS: "503 for /api/models"}\n`,
  });
  const run = await scene.setup([`--port=${await freePort()}`, "--startup=warmup"]);
  expect(run.events.at(-1)).toMatchObject({
    code: "annie.held_back",
    exitCode: 1,
    message: expect.stringMatching(/Annie was not started[^]*503 for \/api\/models/) as string,
    hint: expect.stringContaining("docker compose logs model-warmup") as string,
  });
  const running = await docker(["compose", "ps", "--services", "--status=running"], scene.stackDir);
  expect(running).not.toContain("her-os-core");
});

test("docker compose run model-warmup fetches the models of a machine that has none, and Annie starts on them without heros", async () => {
  const scene = await openScene({ override: seedsWarmup });
  const { stackDir, cacheDir } = scene;
  const port = await freePort();
  expect(await scene.setup([`--port=${port}`, "--startup=warmup"])).toMatchObject({ exitCode: 0 });
  await docker(["compose", "down", "--timeout=1"], stackDir);
  await rm(cacheDir, { recursive: true });
  await mkdir(cacheDir);

  const said = await docker(["compose", "run", "--rm", "model-warmup"], stackDir);
  expect(said).toContain("[bootstrap] openai/whisper-large-v3: 100%");
  expect(said).toContain("[bootstrap] Qwen/Qwen3-Embedding-8B ready");
  const main = path.join(cacheDir, "models--openai--whisper-large-v3", "refs", "main");
  expect(await readFile(main, "utf8")).toBe(scene.hub.commit("openai/whisper-large-v3"));

  await docker(["compose", "up", "-d"], stackDir);
  await expect
    .poll(
      () =>
        fetch(`http://127.0.0.1:${port}/health`).then(
          ({ status }) => status,
          () => 0,
        ),
      {
        timeout: 60_000,
      },
    )
    .toBe(200);
});
