import { execFile } from "node:child_process";
import { access, appendFile, readdir, readFile, stat, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Intercept } from "../../src/demo/hub/exchange.ts";
import type { DemoWorld } from "../../src/demo/prepare-demo.ts";
import type { Interview } from "../../src/plan/interview.ts";
import { Failure, isAbort } from "../../src/run/failure.ts";
import { Secret } from "../../src/run/secret.ts";
import { eventsOf, goodToken, makeWorld, runSetup } from "./demo-setup.ts";
import { formatDuration } from "../../src/run/units.ts";

let world: DemoWorld;

beforeEach(async () => {
  world = await makeWorld();
});

afterEach(async () => {
  await world.dispose();
});

/** Every file below the demo's home with its time of change, so that a second run can be seen to change none. */
async function filesOf(folder: string): Promise<Record<string, number>> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const entries = await Promise.all(
    names.map(async (name) => {
      const stats = await stat(path.join(folder, name));
      return stats.isFile() ? [[name, stats.mtimeMs] as const] : [];
    }),
  );
  return Object.fromEntries(entries.flat());
}

/** The weights of tier 2 come damaged, each time. */
const brokenTier2: Intercept = ({ file }) =>
  file?.repo === "openai/whisper-large-v3" && file.path === "model.safetensors"
    ? { garbage: { start: 1000, end: 2000 } }
    : undefined;

describe("heros setup", () => {
  it("takes the next address where the first Hub can't be reached", async () => {
    const request = { endpoint: "http://127.0.0.1:9", mirrors: [world.endpoint] };
    const run = await runSetup(world, { request });
    expect(run.error).toBeNull();
    expect(eventsOf(run, "annie.online")).toHaveLength(1);
  });

  it("tells what is wrong with the user's own files without waiting for a Hub that can't be reached", async () => {
    await mkdir(world.stackDir, { recursive: true });
    await writeFile(path.join(world.stackDir, "docker-compose.yml"), "services: [her-os-core]\n");
    const events: string[] = [];
    const run = await runSetup(world, {
      request: { endpoint: "http://127.0.0.1:9" },
      onEvent: ({ type }) => events.push(type),
    });
    expect(run.error).toMatchObject({ code: "stack.base_invalid", exitCode: 2 });
    expect(events).not.toContain("file.written");
  });

  it("goes from a bare machine to Annie online, tier 1 first, then all that she can do", async () => {
    const run = await runSetup(world);
    expect(run.error).toBeNull();
    expect(run.words?.[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const types = run.events.map((event) => event.type);
    const order = [
      "machine.detected",
      "plan.ready",
      "file.written",
      "download.planned",
      "annie.online",
    ];
    const places = order.map((type) => types.findIndex((each) => each === type));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
    // Not the time until Annie had loaded what came.
    const [finished] = eventsOf(run, "download.finished");
    const took = formatDuration(Math.max(1, (finished?.elapsedMs ?? 0) / 1000));
    expect(run.words?.join("\n")).toContain(`downloaded and verified in ${took}\n`);
    const ready = eventsOf(run, "model.ready").map((event) => event.id);
    expect(ready.slice(0, 2).toSorted()).toEqual(["gliner-medium-v2.1", "qwen3-embedding-0.6b"]);
    expect(ready).toHaveLength(world.catalog.models.length);
    const capabilities = eventsOf(run, "capability.ready").map((event) => event.name);
    const wanted = world.catalog.models.flatMap(({ capability }) => capability ?? []);
    expect(capabilities.toSorted()).toEqual(wanted.toSorted());
    expect((await stat(path.join(world.stackDir, ".env"))).mode & 0o777).toBe(0o600);
  });

  it("changes nothing on a second run: no byte fetched, no file written, no container restarted", async () => {
    await runSetup(world);
    const before = { stack: await filesOf(world.stackDir), cache: await filesOf(world.cacheDir) };
    const sent = world.hub.sentBytes();
    const again = await runSetup(world);
    expect(again.error).toBeNull();
    expect(eventsOf(again, "file.written").map((event) => event.action)).toEqual(
      eventsOf(again, "file.written").map(() => "unchanged"),
    );
    expect(eventsOf(again, "annie.online")).toHaveLength(1);
    expect(world.hub.sentBytes()).toBe(sent);
    expect({ stack: await filesOf(world.stackDir), cache: await filesOf(world.cacheDir) }).toEqual(
      before,
    );
  });

  it("writes nothing in a dry run, and says what it would do", async () => {
    const run = await runSetup(world, { request: { dryRun: true } });
    expect(run.error).toBeNull();
    const [plan] = eventsOf(run, "plan.ready");
    expect(plan).toMatchObject({ dryRun: true, cachedBytes: 0 });
    expect(plan?.files.map((file) => file.action)).toEqual(["created", "created", "created"]);
    expect(run.words?.[1]).toContain("would write 3 files");
    await expect(access(world.stackDir)).rejects.toThrow();
    await expect(access(world.cacheDir)).rejects.toThrow();
    // The link was measured.
    expect(plan?.bytesPerSecond).toBeGreaterThan(0);
    expect(world.hub.sentBytes()).toBeLessThanOrEqual(16_000_000);
  });

  it("starts Annie only when every model is there, where the answer is wait", async () => {
    const run = await runSetup(world, { request: { decided: [{ startup: ["wait"] }] } });
    expect(run.error).toBeNull();
    const started = run.events.findIndex(
      (event) => event.type === "stack.command" && event.command.endsWith("her-os-core"),
    );
    const ready = run.events.findLastIndex(({ type }) => type === "model.ready");
    expect(started).toBeGreaterThan(ready);
  });

  it("fetches only the tiers that were chosen, and the required one always", async () => {
    const run = await runSetup(world, { request: { decided: [{ groups: ["3"] }] } });
    expect(run.error).toBeNull();
    expect(eventsOf(run, "plan.ready")[0]?.tiers).toEqual([1, 3]);
    expect(world.hub.sentBytes({ repo: "openai/whisper-large-v3" })).toBe(0);
  });

  it("lets Annie come online on tier 1 when a later tier fails, and says that she is degraded", async () => {
    world.hub.setIntercept(brokenTier2);
    const run = await runSetup(world);
    expect(eventsOf(run, "annie.online")).toHaveLength(1);
    expect(run.error).toBeInstanceOf(Failure);
    expect(run.error).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /^\{assistant\} is online, but some of its models are not ready/,
      ) as unknown,
    });
  });

  it("lets Annie come online without an image that comes later, and names it", async () => {
    world.registry.setIntercept(({ url, method }) => {
      if (method !== "GET" || !/kokoro.*\/blobs\//.test(url)) return undefined;
      return { answer: { status: 404, body: "" } };
    });
    const run = await runSetup(world);
    expect(eventsOf(run, "annie.online")).toHaveLength(1);
    expect(run.error).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /^\{assistant\} is online, but the image ghcr\.io\/remsky\/kokoro-fastapi-cpu:v0\.8\.0 is not ready: /,
      ) as unknown,
    });
    // Her models are fetched nevertheless.
    expect(eventsOf(run, "model.ready")).toHaveLength(4);
  });

  it("fetches tier 1 to its end where a later tier fails first", async () => {
    const told = Promise.withResolvers<void>();
    world.hub.setIntercept(({ file, method, origin, headers }) => {
      if (file?.path !== "model.safetensors" || method !== "GET") return undefined;
      if (file.repo === "openai/whisper-large-v3") {
        return { answer: { status: 404, headers: { "X-Error-Code": "EntryNotFound" } } };
      }
      // The first bytes wait, whoever asks for them; the other connections go on to the later tier.
      const first = (headers.range ?? "bytes=0-").startsWith("bytes=0-");
      const waits = first && origin === "content" && file.repo === "Qwen/Qwen3-Embedding-0.6B";
      return waits ? { until: told.promise } : undefined;
    });
    const run = await runSetup(world, {
      onEvent: (event) => event.type === "notice" && told.resolve(),
    });
    const [failed, ready] = [
      run.events.findIndex((event) => event.type === "notice"),
      run.events.findIndex(
        (event) => event.type === "model.ready" && event.id === "qwen3-embedding-0.6b",
      ),
    ];
    expect(failed).toBeGreaterThan(0);
    expect(ready).toBeGreaterThan(failed);
    expect(eventsOf(run, "annie.online")).toHaveLength(1);
    expect(run.error).toMatchObject({ code: "hub.file_not_found", exitCode: 3 });
  });

  it("goes on after an interruption with what was there", async () => {
    world.hub.setThrottle({ bytesPerSecond: 8_000_000 });
    const stop = new AbortController();
    const first = await runSetup(world, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === "download.progress" && event.receivedBytes > event.totalBytes * 0.4)
          stop.abort();
      },
    });
    expect(isAbort(first.error)).toBe(true);
    world.hub.setThrottle({});
    const second = await runSetup(world);
    expect(second.error).toBeNull();
    const [plan] = eventsOf(second, "plan.ready");
    const total = plan?.totalBytes ?? 0;
    const [planned] = eventsOf(second, "download.planned");
    const kept = (planned?.cachedBytes ?? 0) + (planned?.resumedBytes ?? 0);
    expect(kept).toBeGreaterThan(total * 0.38);
    expect([plan?.cachedBytes, (planned?.resumedBytes ?? 0) > 0]).toEqual([kept, true]);
    // That no byte of it is asked for again is shown where the engine is tried alone.
    expect(eventsOf(second, "download.finished")[0]?.fetchedBytes).toBeLessThan(total * 0.7);
  });

  it("keeps an override that somebody edited, names the copy, and leaves the user's own override alone", async () => {
    await runSetup(world);
    const ours = path.join(world.stackDir, "docker-compose.heros.yml");
    await appendFile(ours, "# mine\n");
    const edited = await readFile(ours, "utf8");
    const run = await runSetup(world);
    const written = eventsOf(run, "file.written").find((event) => event.path === ours);
    expect(written?.backupPath).toBeDefined();
    expect(await readFile(written?.backupPath ?? "", "utf8")).toBe(edited);
  });

  it("uses a token that is not to be kept in no file at all, and finds a kept one again", async () => {
    const tokenFile = { source: "token-file", token: new Secret(goodToken) } as const;
    const once = await runSetup(world, {
      request: { tokenFile, decided: [{ keepToken: ["no"], groups: ["1"] }] },
    });
    expect(once.error).toBeNull();
    expect(eventsOf(once, "plan.ready")[0]).toMatchObject({
      token: "token-file",
      tokenKept: false,
    });
    const search = promisify(execFile)("grep", ["-rlF", goodToken, world.folder]);
    await expect(search).rejects.toMatchObject({ code: 1, stdout: "" });
    // Not keeping it is an answer too, and the next run takes it over.
    const again = await runSetup(world, { request: { tokenFile } });
    expect(eventsOf(again, "plan.ready")[0]?.tokenKept).toBe(false);
    await runSetup(world, { request: { tokenFile, decided: [{ keepToken: ["yes"] }] } });
    const later = await runSetup(world);
    expect(eventsOf(later, "plan.ready")[0]).toMatchObject({ token: "kept", tokenKept: true });
    expect(eventsOf(later, "file.written").every(({ action }) => action === "unchanged")).toBe(
      true,
    );
  });

  it("goes on without a found token that the Hub no longer accepts, and says so", async () => {
    const env = { ...world.host.env, HF_TOKEN: "hf_stale_stale_stale" };
    const seen: Interview[] = [];
    const ask = async (planning: Interview) => {
      seen.push(planning);
      return null;
    };
    const run = await runSetup(
      { ...world, host: { ...world.host, env } },
      { request: { person: { ask } } },
    );
    expect(run).toMatchObject({ error: null, words: null });
    expect(eventsOf(run, "notice")[0]?.message).toContain("the token found in HF_TOKEN");
    const [planning] = seen;
    expect(planning?.tokens).toEqual([]);
    expect(planning?.answers.token).toEqual({ source: "none" });
    expect(planning?.models.every(({ totalBytes }) => totalBytes > 0)).toBe(true);
  });

  it("judges a folder while the questions are asked, and writes nothing there", async () => {
    const told: string[] = [];
    // A folder of the cache's own whose place a file has taken.
    const odd = path.join(world.folder, "odd");
    await mkdir(odd);
    await writeFile(path.join(odd, "models--urchade--gliner_medium-v2.1"), "");
    const ask = async ({ checkFolder, answers }: Interview) => {
      for (const storage of ["/etc/passwd/models", `${world.folder}/new`, odd]) {
        await checkFolder({ ...answers, storage: storage as `/${string}` }).then(
          () => told.push("fine"),
          (error: unknown) => told.push(error instanceof Failure ? error.code : String(error)),
        );
      }
      return null;
    };
    const run = await runSetup(world, { request: { person: { ask } } });
    expect(run).toMatchObject({ error: null, words: null });
    expect(told).toEqual(["cache.not_writable", "fine", "cache.not_writable"]);
    expect(await readdir(world.folder)).not.toContain("new");
  });

  it("plans without such a token where nobody is asked", async () => {
    const env = { ...world.host.env, HF_TOKEN: "hf_stale_stale_stale" };
    const host = { ...world.host, env };
    const run = await runSetup({ ...world, host }, { request: { dryRun: true } });
    expect(run.error).toBeNull();
    expect(eventsOf(run, "notice").map(({ code }) => code)).toContain("hub.token_refused");
    const [plan] = eventsOf(run, "plan.ready");
    expect(plan).toMatchObject({ token: "none" });
    expect(plan?.files.map((file) => file.path)).not.toContain(
      path.join(world.stackDir, "secrets", "hf_token"),
    );
  });

  it("never lets a token into an event, an argument or a file but its own", async () => {
    const run = await runSetup(world, {
      request: { tokenFile: { source: "token-file", token: new Secret(goodToken) } },
    });
    expect(run.error).toBeNull();
    expect(JSON.stringify(run.events)).not.toContain(goodToken);
    const holders = await promisify(execFile)("grep", ["-rlF", goodToken, world.folder]);
    const secret = path.join(world.stackDir, "secrets", "hf_token");
    expect(holders.stdout.trim().split("\n")).toEqual([secret]);
    expect((await stat(secret)).mode & 0o777).toBe(0o600);
    for (const { origin, headers } of world.hub.requests) {
      if (origin === "content") expect(JSON.stringify(headers)).not.toContain(goodToken);
    }
    expect(
      world.hub.requests.some(({ headers }) => headers.authorization?.includes(goodToken)),
    ).toBe(true);
  });
});
