import { chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../host/free-port.ts";
import { startRegistry } from "./registry.ts";
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
  readonly Config: { readonly User: string };
  readonly State: { readonly StartedAt: string; readonly ExitCode: number };
  readonly Mounts: readonly { readonly Destination: string; readonly RW: boolean }[];
  readonly HostConfig: { readonly DeviceRequests: readonly unknown[] | null };
}

async function inspect(stackDir: string, service: string): Promise<Inspected> {
  const id = (await docker(["compose", "ps", "-aq", service], stackDir)).trim();
  const [found] = JSON.parse(await docker(["inspect", id])) as [Inspected];
  return found;
}

const mountOf = (found: Inspected) =>
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
  expect(log).toContain("DOWNLOAD_PRIORITY 3");
  expect(log).toContain("[bootstrap] all models are ready");
  expect(log).not.toContain("Ensuring");
  const [core, warmup] = [
    await inspect(stackDir, "her-os-core"),
    await inspect(stackDir, "model-warmup"),
  ];
  expect([mountOf(core)?.RW, mountOf(warmup)?.RW]).toEqual([false, true]);
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

test("where only the first set is chosen, the warm-up looks for no other", async () => {
  const scene = await openScene();
  const run = await scene.setup([`--port=${await freePort()}`, "--tiers=1", "--startup=warmup"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const log = await docker(["compose", "logs", "--no-log-prefix", "model-warmup"], scene.stackDir);
  expect(log).toContain("[bootstrap] Skipping whisper");
});

test("in a Docker volume, the warm-up mounts the same one, as the user that Annie runs as", async () => {
  const name = `heros-warmup-${process.pid}`;
  const scene = await openScene({
    storage: true,
    change: (base) => base.replace("  her-os-core:\n", '  her-os-core:\n    user: "1001:1001"\n'),
  });
  onTestFinished(async () => {
    await docker(["compose", "down", "--timeout=1"], scene.stackDir).catch(() => "");
    await docker(["volume", "rm", "--force", name]);
  });
  const flags = [
    `--port=${await freePort()}`,
    "--tiers=1,2",
    `--storage=volume:${name}`,
    "--startup=warmup",
  ];
  expect(await scene.setup(flags)).toMatchObject({ exitCode: 0, stderr: "" });
  const [core, warmup] = [
    await inspect(scene.stackDir, "her-os-core"),
    await inspect(scene.stackDir, "model-warmup"),
  ];
  expect(mountOf(core)).toMatchObject({ Type: "volume", Name: name, RW: false });
  expect(mountOf(warmup)).toMatchObject({ Type: "volume", Name: name, RW: true });
  expect(warmup.Config.User).toBe("1001:1001");
  expect(await scene.setup(flags)).toMatchObject({ exitCode: 0 });
  const after = await inspect(scene.stackDir, "her-os-core");
  expect([after.Id, after.State.StartedAt]).toEqual([core.Id, core.State.StartedAt]);
});

/** Annie's image with these folders of models in it. */
async function bakeImage(name: string, repos: readonly string[], changes: readonly string[]) {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-baked-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true });
    await docker(["image", "rm", "--force", name]);
  });
  for (const repo of repos) {
    const model = path.join(folder, repo.replace("/", "--"));
    await mkdir(model);
    for (const file of ["config.json", "gliner_config.json", "model.safetensors"]) {
      await writeFile(path.join(model, file), "{}");
    }
  }
  const id = (await docker(["create", "ghcr.io/her-os/her-os-core:latest"])).trim();
  await docker(["cp", folder, `${id}:/data-baked`]);
  await docker(["commit", ...changes.map((change) => `--change=${change}`), id, name]);
  await docker(["rm", id]);
}

const small = ["Qwen/Qwen3-Embedding-0.6B", "urchade/gliner_medium-v2.1"];

test.each([
  ["the folder that it names", []],
  ["its label", [`LABEL org.heros.models=${small.join(",")}`]],
])(
  "models in Annie's image, known by %s, are not downloaded, and she is online with them",
  async (_by, label) => {
    const image = `her-os-baked:${label.length}`;
    await bakeImage(image, small, ["ENV HER_OS_BAKED_MODELS=/data-baked", ...label]);
    const scene = await openScene({
      change: (base) => base.replace("ghcr.io/her-os/her-os-core:${HER_OS_VERSION:-latest}", image),
    });
    const run = await scene.setup([
      `--port=${await freePort()}`,
      "--tiers=1,2",
      "--startup=warmup",
    ]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    const models = ofType(run, "plan.ready")[0]?.models ?? [];
    // GLiNER's tokenizer is in another repository, and not in the image.
    expect(models).toMatchObject([
      { id: "qwen3-embedding-0.6b", baked: true, totalBytes: 0 },
      { id: "gliner-medium-v2.1" },
      { id: "whisper-large-v3" },
    ]);
    expect(models.filter(({ baked }) => baked === true)).toHaveLength(1);
    const cached = (await readdir(scene.cacheDir)).filter((name) => name.startsWith("models--"));
    expect(cached.toSorted()).toEqual([
      "models--microsoft--deberta-v3-base",
      "models--openai--whisper-large-v3",
    ]);
    const log = await docker(
      ["compose", "logs", "--no-log-prefix", "model-warmup"],
      scene.stackDir,
    );
    expect(log).toContain("[bootstrap] urchade/gliner_medium-v2.1 ready (baked)");
    const status = await scene.start("status").ended;
    const states = ofType(status, "status.read")[0]?.models.map(({ id, state }) => [id, state]);
    expect(states).toContainEqual(["qwen3-embedding-0.6b", "baked"]);
    expect(states?.filter(([, state]) => state === "here")).toHaveLength(2);
    // Nothing of the look into it stays.
    const made = await docker(["ps", "--all", "--quiet", "--filter", `ancestor=${image}`]);
    expect(made.trim().split("\n")).toHaveLength(2);
  },
);

test("an image that is still to be downloaded says by its label which models it brings", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-registry-"));
  const registry = await startRegistry({ folder, port: await freePort() });
  onTestFinished(async () => {
    await registry.close();
    await rm(folder, { recursive: true });
  });
  const image = `127.0.0.1:${registry.port}/her-os/core:1`;
  await bakeImage(image, small, [
    "ENV HER_OS_BAKED_MODELS=/data-baked",
    `LABEL org.heros.models=${small.join(",")}`,
  ]);
  await docker(["push", "--quiet", image]);
  await docker(["image", "rm", image]);
  const scene = await openScene({
    change: (base) => base.replace("ghcr.io/her-os/her-os-core:${HER_OS_VERSION:-latest}", image),
  });
  const run = await scene.setup([`--port=${await freePort()}`, "--tiers=1"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const models = ofType(run, "plan.ready")[0]?.models.map(({ id, baked }) => [id, baked]);
  expect(models).toEqual([
    ["qwen3-embedding-0.6b", true],
    ["gliner-medium-v2.1", undefined],
  ]);
  expect(ofType(run, "image.ready").map((event) => event.image)).toContain(image);
  const cached = (await readdir(scene.cacheDir)).filter((name) => name.startsWith("models--"));
  expect(cached).toEqual(["models--microsoft--deberta-v3-base"]);
});

test("a warm-up of another user reads the token, which no other container mounts, and doctor finds its file closed", async () => {
  const token = "hf_warmUpTestToken0123456789";
  const scene = await openScene({
    token,
    change: (base) => base.replace("  her-os-core:\n", '  her-os-core:\n    user: "1001:1001"\n'),
  });
  const { stackDir } = scene;
  // The warm-up writes into the cache as that user.
  await mkdir(scene.cacheDir);
  await chown(scene.cacheDir, 1001, 1001);
  const flags = [`--port=${await freePort()}`, "--startup=warmup"];
  const by = ["sh", "-c", 'umask 077 && exec "$@"', "sh"];
  const run = await scene.start("setup", flags, { by }).ended;
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const told = ofType(run, "notice").map(({ code }) => code);
  expect(told.filter((code) => /^stack\.(?:token|service)_/.test(code))).toEqual([]);

  const readIt = ["compose", "run", "--rm", "--no-deps", "--entrypoint", "cat", "model-warmup"];
  expect(await docker([...readIt, "/run/secrets/hf_token"], stackDir)).toBe(token);
  const stranger = ["compose", "run", "--rm", "--no-deps", "--user", "1002", "--entrypoint", "cat"];
  await expect(
    docker([...stranger, "model-warmup", "/run/secrets/hf_token"], stackDir),
  ).rejects.toThrow(/Permission denied/i);
  const mounts = async (service: string) =>
    (await inspect(stackDir, service)).Mounts.map(({ Destination }) => Destination);
  expect(await mounts("model-warmup")).toContain("/run/secrets/hf_token");
  expect(await mounts("her-os-core")).not.toContain("/run/secrets/hf_token");

  const doctor = await scene.start("doctor", ["token"]).ended;
  const [report] = ofType(doctor, "doctor.report");
  expect(report?.checks).toMatchObject([{ id: "token", status: "ok" }]);
  const again = await scene.start("setup", flags, { by }).ended;
  expect(again.exitCode).toBe(0);
  expect(await docker([...readIt, "/run/secrets/hf_token"], stackDir)).toBe(token);
});
