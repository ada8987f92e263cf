import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeSandbox, type Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;
let hub: string;
let stack: string;

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = path.join(sandbox.home, ".cache/huggingface/hub");
  stack = path.join(sandbox.dir, "my llm");
  await mkdir(path.join(hub, "models--a--b/blobs"), { recursive: true });
  await mkdir(stack);
  await writeFile(path.join(stack, "compose.yml"), "services: {}\n");
});

afterEach(() => sandbox[Symbol.asyncDispose]());

/** A docker whose stack has these services, all of images of this user. */
async function dockerWith(services: Record<string, object>, user = ""): Promise<void> {
  const config = await sandbox.file("config.json", JSON.stringify({ services }));
  await sandbox.command(
    "docker",
    `case "$*" in
*" config --format json") echo "$COMPOSE_FILE" >>'${sandbox.dir}/files'; /bin/cat '${config}';;
"image inspect "*) echo '{"labels":null,"environment":["LANG=C"],"user":"${user}"}';;
*) exit 1;;
esac`,
  );
}

const share = (...args: readonly string[]) => sandbox.run(["cache", "share", ...args]);
const sharedFile = () => path.join(stack, "docker-compose.cache.yml");

it("prints the mount for any container, as flags and for a compose file", async () => {
  const run = await share();
  expect(run).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining("[✗]") as string });
  expect(run.stdout).toContain(`docker run -v ${path.dirname(hub)}:/root/.cache/huggingface IMAGE`);
  expect(run.stdout).toContain("create_host_path: false");
  const json = await share("--read-only", "--json");
  expect(json.events()).toContainEqual(
    expect.objectContaining({
      type: "cache.shared",
      service: null,
      source: hub,
      target: "/root/.cache/huggingface/hub",
      environment: { HF_HUB_OFFLINE: "1" },
    }),
  );
});

it("finds the cache by the Hub's own variables and by --cache-dir", async () => {
  const other = path.join(sandbox.dir, "elsewhere");
  await mkdir(path.join(other, "hub"), { recursive: true });
  const byHome = await sandbox.run(["cache", "share"], { env: { HF_HOME: other } });
  expect(byHome.stdout).toContain(`-v ${other}:/root/.cache/huggingface IMAGE`);
  const byCache = await sandbox.run(["cache", "share"], { env: { HF_HUB_CACHE: other } });
  expect(byCache.stdout).toContain(`-v ${other}:/root/.cache/huggingface/hub IMAGE`);
  const named = await share("--cache-dir", other);
  expect(named.stdout).toContain(`-v ${other}:/root/.cache/huggingface/hub IMAGE`);
});

it("mounts the cache alone where it is a link to another disk", async () => {
  const disk = path.join(sandbox.dir, "disk");
  const home = path.join(sandbox.dir, "linked");
  await mkdir(disk);
  await mkdir(home);
  await symlink(disk, path.join(home, "hub"));
  const run = await sandbox.run(["cache", "share"], { env: { HF_HOME: home } });
  expect(run.stdout).toContain(`-v ${home}/hub:/root/.cache/huggingface/hub IMAGE`);
});

it("says that a container can read the token that is kept beside the models", async () => {
  await writeFile(path.join(path.dirname(hub), "token"), "hf_secret");
  const run = await share();
  expect(run.stdout + run.stderr).toContain("Your Hub token is in");
  expect(run.stdout + run.stderr).not.toContain("hf_secret");
  const alone = await share("--read-only");
  expect(alone.stdout + alone.stderr).not.toContain("Your Hub token");
});

it("writes a file of its own beside the user's, and the same bytes again", async () => {
  await dockerWith({ vllm: { image: "vllm:1" }, web: { image: "web:1" } });
  const args = ["vllm", "--stack-dir", stack, "--read-only"];
  const first = await share(...args);
  expect(first.exitCode, first.stderr).toBe(0);
  expect(first.stdout).toContain(
    "vllm finds the cache at /root/.cache/huggingface/hub, read-only.",
  );
  expect(first.stdout).toContain(
    `cd '${stack}' && docker compose -f compose.yml -f docker-compose.cache.yml up -d vllm`,
  );
  const text = await readFile(sharedFile(), "utf8");
  const { mtimeMs } = await stat(sharedFile());
  const again = await share(...args, "--json");
  expect(again.events()).toContainEqual(
    expect.objectContaining({ type: "file.written", path: sharedFile(), action: "unchanged" }),
  );
  expect((await stat(sharedFile())).mtimeMs).toBe(mtimeMs);
  // What was shared before stays.
  expect((await share("web", "--stack-dir", stack)).exitCode).toBe(0);
  expect(await readFile(sharedFile(), "utf8")).toContain(text.split("\n").slice(3).join("\n"));
  expect((await readdir(stack)).toSorted()).toEqual(["compose.yml", "docker-compose.cache.yml"]);
  expect(await readFile(path.join(stack, "compose.yml"), "utf8")).toBe("services: {}\n");
});

it("reads the stack without its own file, which COMPOSE_FILE may name", async () => {
  await dockerWith({ vllm: { image: "vllm:1" } });
  const env = "COMPOSE_FILE=compose.yml:gpu.yml:docker-compose.cache.yml\n";
  await writeFile(path.join(stack, ".env"), env);
  const run = await share("vllm", "--stack-dir", stack);
  expect(run.stdout).toContain(`cd '${stack}' && docker compose up -d vllm`);
  expect(await readFile(path.join(sandbox.dir, "files"), "utf8")).toBe("compose.yml:gpu.yml\n");
  expect(await readFile(path.join(stack, ".env"), "utf8")).toBe(env);
});

it("shows the file and writes nothing with --dry-run", async () => {
  await dockerWith({ vllm: { image: "vllm:1" } });
  const run = await share("vllm", "--stack-dir", stack, "--dry-run");
  expect(run.stdout).toContain("target: /root/.cache/huggingface");
  expect(await readdir(stack)).toEqual(["compose.yml"]);
});

it("refuses what the container's user can't read or write, with a fix that leaves the rest alone", async () => {
  await dockerWith({ vllm: { image: "vllm:1" } }, "54321");
  await chmod(hub, 0o755);
  const write = await share("vllm", "--stack-dir", stack, "--json");
  expect(write.exitCode).toBe(1);
  expect(write.events().at(-1)).toMatchObject({
    code: "cache.share_denied",
    hint: expect.stringContaining("heros cache share vllm --read-only") as string,
  });
  expect((await share("vllm", "--stack-dir", stack, "--read-only")).exitCode).toBe(0);
  const model = path.join(hub, "models--a--b");
  await chmod(model, 0o700);
  const read = await share("vllm", "--stack-dir", stack, "--read-only", "--json");
  expect(read.events().at(-1)).toMatchObject({
    code: "cache.share_denied",
    message: `vllm runs as user 54321, who can't read ${model}.`,
    hint: expect.stringContaining(`chmod o+rX ${model}`) as string,
  });
});

it("warns where Docker does not say whom the container runs as", async () => {
  await dockerWith({ vllm: { build: { context: "." } } });
  const run = await share("vllm", "--stack-dir", stack, "--json");
  expect(run.events().map((event) => ("code" in event ? event.code : ""))).toContain(
    "cache.share_user_unknown",
  );
  expect(await readFile(sharedFile(), "utf8")).toContain("HF_HOME: /var/cache/huggingface");
});

const bind = (source: string, target: string) => ({ volumes: [{ type: "bind", source, target }] });

it("leaves a mount of the same cache alone, and hides no other", async () => {
  const home = path.dirname(hub);
  const target = "/root/.cache/huggingface";
  await dockerWith({
    same: { image: "a:1", ...bind(home, `${target}/`) },
    other: { image: "a:1", ...bind("/srv/cache", target) },
    volume: { image: "a:1", volumes: [{ type: "volume", source: "models", target }] },
    below: { image: "a:1", ...bind("/srv/hub", `${target}/hub`) },
    beside: { image: "a:1", ...bind("/srv/modules", `${target}/modules`) },
  });
  const same = await share("same", "--stack-dir", stack);
  expect(same.stdout).toContain(`same mounts ${home} already`);
  expect(await readdir(stack)).toEqual(["compose.yml"]);
  for (const [name, source] of [
    ["other", "/srv/cache"],
    ["volume", "the volume models"],
    ["below", "/srv/hub"],
  ] as const) {
    const run = await share(name, "--stack-dir", stack, "--json");
    expect(run.exitCode).toBe(2);
    expect(run.events().at(-1)).toMatchObject({
      code: "cache.share_taken",
      message: expect.stringContaining(source) as string,
    });
  }
  expect((await share("beside", "--stack-dir", stack)).exitCode).toBe(0);
});

it("ends with a code and a fix for what can't be shared", async () => {
  await dockerWith({ vllm: { image: "vllm:1" } });
  const cases: [string[], number, string][] = [
    [["--cache-dir", path.join(sandbox.dir, "none")], 1, "cache.share_missing"],
    [["--cache-dir", path.join(stack, "compose.yml")], 1, "cache.share_missing"],
    [["--cache-dir", "volume:models"], 2, "cache.share_no_folder"],
    [["--cache-dir", "/tmp/a\nb"], 2, "cache.share_bad_path"],
    [["vllm", "--stack-dir", sandbox.home], 2, "cache.share_no_stack"],
    [["nope", "--stack-dir", stack], 2, "stack.service_unknown"],
    [["--write", "x.yml"], 2, "usage.wrong"],
    [["vllm", "--stack-dir", stack, "--write", "compose.yml"], 2, "cache.share_foreign"],
  ];
  for (const [args, exitCode, code] of cases) {
    const run = await share(...args, "--json");
    expect(run.exitCode, args.join(" ")).toBe(exitCode);
    expect(run.events().at(-1)).toMatchObject({ type: "run.failed", code });
  }
  expect(await readdir(stack)).toEqual(["compose.yml"]);
});

it("tells docker's own reason where compose can't read the stack", async () => {
  await sandbox.command("docker", 'echo "yaml: line 3: did not find expected key" >&2; exit 15');
  const run = await share("vllm", "--stack-dir", stack, "--json");
  expect(run.events().at(-1)).toMatchObject({
    exitCode: expect.any(Number) as number,
    message: expect.stringContaining("did not find expected key") as string,
  });
});

it("asks compose without the shell's port of the stack, as every command does", async () => {
  const config = await sandbox.file("config.json", '{"services":{"web":{"image":"web:1"}}}');
  await sandbox.command(
    "docker",
    `echo "[$HER_OS_PORT]" >>'${sandbox.dir}/ports'
case "$*" in
*" config --format json") /bin/cat '${config}';;
*) exit 1;;
esac`,
  );
  const args = ["cache", "share", "web", "--dry-run", "--stack-dir", stack];
  await sandbox.run(args, { env: { HER_OS_PORT: "9" } });
  const told = await readFile(path.join(sandbox.dir, "ports"), "utf8");
  expect(new Set(told.trim().split("\n"))).toEqual(new Set(["[]"]));
});
