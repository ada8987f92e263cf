import { cp, lstat, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recallAnswers } from "../../src/commands/remembered-answers.ts";
import { waitForMachine } from "../../src/commands/setup/resume-at-boot.ts";
import type { DemoWorld } from "../../src/demo/prepare-demo.ts";
import type { Host } from "../../src/host/host.ts";
import type { RunRequest, RunResult } from "../../src/host/processes.ts";
import type { Interview } from "../../src/plan/interview.ts";
import { writeLauncher } from "../../src/release/launcher.ts";
import { nodeFlag } from "../../src/release/tree.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { Secret } from "../../src/run/secret.ts";
import { readUnit } from "../deploy/systemd/read-unit.ts";
import { steppedClock } from "../download/stepped-clock.ts";
import { eventsOf, goodToken, makeWorld, runSetup, type SetupOptions } from "./demo-setup.ts";

let world: DemoWorld;
/** What was asked of systemctl. */
let asked: string[];
let systemctl: (args: readonly string[]) => Partial<RunResult> | Promise<Partial<RunResult>>;
/** Lingering is on. */
let lingers: boolean;
let file: string;
let link: string;

beforeEach(async () => {
  const made = await makeWorld();
  const { home } = made.host;
  const runtime = path.join(home, "run");
  await mkdir(path.join(runtime, "systemd"), { recursive: true });
  await writeFile(path.join(runtime, "systemd/private"), "");
  await mkdir(path.join(home, "bin"));
  await writeFile(path.join(home, "bin/systemctl"), "");
  file = path.join(home, ".config/systemd/user/heros-resume.service");
  link = path.join(path.dirname(file), "default.target.wants/heros-resume.service");
  asked = [];
  lingers = false;
  systemctl = async ([, verb]) => {
    if (verb === "enable") {
      await mkdir(path.dirname(link), { recursive: true });
      await symlink(file, link).catch(() => {});
    }
    return { exitCode: 0 };
  };
  const processes: Host["processes"] = {
    ...made.host.processes,
    async run(request: RunRequest) {
      if (request.command !== "systemctl") return made.host.processes.run(request);
      asked.push((request.args ?? []).join(" "));
      const done = { exitCode: 1, stdout: "", stderr: "", timedOut: false, missing: false };
      return { ...done, ...(await systemctl(request.args ?? [])) };
    },
  };
  const env = {
    PATH: `${path.join(home, "bin")}:/usr/bin:/bin`,
    XDG_RUNTIME_DIR: runtime,
    HTTPS_PROXY: "http://ann:pa55word@proxy:3128",
    NO_PROXY: "127.0.0.1",
    HF_TOKEN: "hf_from_the_environment",
  };
  const access: Host["files"]["access"] = async (place, mode) => {
    if (!String(place).startsWith("/var/lib/systemd/linger/"))
      return made.host.files.access(place, mode);
    if (!lingers) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
  };
  const files = { ...made.host.files, access };
  world = { ...made, host: { ...made.host, env, processes, files } };
});

afterEach(() => world.dispose());

const program = { command: "/opt/node", args: ["/opt/heros/bin/heros.js"] };

/** An unattended setup that may continue after a reboot. */
function resumable(more: Partial<SetupOptions> = {}, answer = "yes") {
  const decided = [{ groups: ["1", "2", "3"], resumeAtBoot: [answer] }];
  return runSetup(world, { ...more, request: { program, decided, ...more.request } });
}

/** A run that is stopped once its download has begun. */
async function broken(more: Partial<SetupOptions> = {}, answer = "yes") {
  const stop = new AbortController();
  const onEvent = (event: HerosEvent): void => {
    if (event.type === "download.planned") stop.abort();
  };
  return resumable({ ...more, signal: stop.signal, onEvent }, answer);
}

function noticesOf(run: { readonly events: readonly HerosEvent[] }): string[] {
  return run.events.flatMap((event) => (event.type === "notice" ? [event.code] : []));
}

const isThere = (place: string) =>
  lstat(place).then(
    () => true,
    () => false,
  );

describe("heros setup --resume-at-boot yes", () => {
  it("writes and enables the unit before the download, and removes it once Annie is online", async () => {
    let during = "";
    const run = await resumable({
      onEvent(event) {
        if (event.type === "download.planned") during = asked.join("\n");
      },
    });
    expect(run.error).toBeNull();
    expect(during).toBe("--user enable heros-resume.service");
    expect(eventsOf(run, "file.written").at(-1)).toMatchObject({ path: file, action: "created" });
    expect(eventsOf(run, "plan.ready")[0]?.files.at(-1)).toMatchObject({
      path: file,
      action: "created",
      diff: expect.stringContaining(
        "+ExecStart=:/opt/node /opt/heros/bin/heros.js setup",
      ) as unknown,
    });
    expect(asked.slice(1)).toEqual(["--user disable heros-resume.service", "--user daemon-reload"]);
    expect(await isThere(path.join(world.host.home, ".config/systemd"))).toBe(false);
    // The next setup has nothing to continue.
    const second = await resumable();
    expect(asked).toHaveLength(3);
    expect(eventsOf(second, "plan.ready")[0]?.files.map(({ path: name }) => name)).not.toContain(
      file,
    );
  });

  it("leaves the unit where it is interrupted: the same setup, without a question and without a secret", async () => {
    const tokenFile = { source: "token-file", token: new Secret(goodToken) } as const;
    const run = await broken({
      request: { tokenFile, limitBytesPerSecond: 5e6, given: { limitRate: "5M" } },
    });
    expect(noticesOf(run)).toEqual([
      "resume.without_variables",
      "resume.needs_login",
      "resume.after_reboot",
    ]);
    const text = await readFile(file, "utf8");
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    const { command, env } = readUnit(text);
    const words =
      "--yes --group remember,listen,think-deeper --keep-token yes --storage hub-cache --startup progressive";
    expect(command).toEqual([
      "/opt/node",
      "/opt/heros/bin/heros.js",
      "setup",
      ...words.split(" "),
      "--resume-at-boot",
      "yes",
      "--stack-dir",
      world.stackDir,
      "--limit-rate",
      "5M",
      "--token-file",
      path.join(world.stackDir, "secrets/hf_token"),
      "--resumed",
    ]);
    expect(env).toEqual({ PATH: world.host.env["PATH"], NO_PROXY: "127.0.0.1" });
    for (const secret of [goodToken, "pa55word", "hf_from_the_environment"]) {
      expect(text).not.toContain(secret);
    }

    expect(eventsOf(run, "notice").map(({ hint }) => hint)).toContain(
      "To continue without a login: loginctl enable-linger",
    );

    // As it runs then: every byte stays, and systemctl has nothing to do.
    const { mtimeMs } = await stat(file);
    const before = asked.length;
    lingers = true;
    const again = await broken({
      request: { tokenFile, limitBytesPerSecond: 5e6, given: { limitRate: "5M" } },
    });
    expect(await readFile(file, "utf8")).toBe(text);
    expect((await stat(file)).mtimeMs).toBe(mtimeMs);
    expect(asked).toHaveLength(before);
    expect(noticesOf(again)).not.toContain("resume.needs_login");
  });

  it("starts the launcher of an installation, and what is current where that is gone", async () => {
    const data = path.join(world.host.home, ".local/share/heros");
    const tree = path.join(data, "versions/1.0.0");
    await mkdir(path.join(tree, "runtime"), { recursive: true });
    await writeFile(path.join(tree, "runtime/node"), "");
    await cp("assets", path.join(tree, "app/assets"), { recursive: true });
    await symlink("versions/1.0.0", path.join(data, "current"));
    const launcher = path.join(world.host.home, ".local/bin/heros");
    await mkdir(path.dirname(launcher));
    await writeLauncher(world.host, launcher, data);
    const request = { assetsDir: path.join(tree, "app/assets") };
    await broken({ request });
    const started = async () => readUnit(await readFile(file, "utf8")).command;
    expect((await started()).slice(0, 2)).toEqual([launcher, "setup"]);
    await writeFile(launcher, "#!/bin/sh\necho somebody else\n");
    await broken({ request });
    expect((await started()).slice(0, 4)).toEqual([
      path.join(data, "current/runtime/node"),
      nodeFlag,
      path.join(data, "current/app/bin/heros.js"),
      "setup",
    ]);
  });

  it("says that a token for this run only is not there after a reboot", async () => {
    const tokenFile = { source: "token-file", token: new Secret(goodToken) } as const;
    const decided = [{ groups: ["1"], resumeAtBoot: ["yes"], keepToken: ["no"] }];
    const run = await broken({ request: { tokenFile, decided } });
    expect(noticesOf(run)).toContain("resume.without_token");
    expect(readUnit(await readFile(file, "utf8")).command).not.toContain("--token-file");
  });

  it("takes no token after a reboot where none was wanted", async () => {
    await broken({ request: { tokenFile: { source: "none" } } });
    const { command } = readUnit(await readFile(file, "utf8"));
    expect(command.join(" ")).toContain("--token-file - ");
  });

  it("removes the unit where the person wants none any more", async () => {
    await broken();
    expect(await isThere(file)).toBe(true);
    const run = await broken({}, "no");
    expect(noticesOf(run)).toContain("resume.removed");
    expect([await isThere(file), await isThere(link)]).toEqual([false, false]);
  });

  it("leaves a file of that name alone that it did not write, and says so", async () => {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, "[Service]\nExecStart=/bin/true\n");
    const run = await resumable();
    expect(run.error).toBeNull();
    expect(noticesOf(run)).toContain("resume.foreign_unit");
    expect(await readFile(file, "utf8")).toBe("[Service]\nExecStart=/bin/true\n");
    expect(asked).toEqual([]);
  });

  it("does not fail where systemctl does, and says what to do", async () => {
    systemctl = () => ({ exitCode: 1, stderr: "Failed to connect to bus: No medium found\n" });
    const run = await broken();
    const [notice] = eventsOf(run, "notice").filter(({ code }) => code === "resume.not_enabled");
    expect(notice?.message).toContain("Failed to connect to bus: No medium found.");
    expect(notice?.hint).toContain("systemctl --user enable heros-resume.service");
    systemctl = () => ({ exitCode: null, timedOut: true });
    expect((await resumable()).error).toBeNull();
    expect(await isThere(file)).toBe(false);
  });

  it("does not fail where the unit can't be written", async () => {
    await writeFile(path.join(world.host.home, ".config"), "");
    const run = await resumable();
    expect(run.error).toBeNull();
    expect(noticesOf(run)).toContain("resume.not_enabled");
    expect(asked).toEqual([]);
  });

  it("says how to continue where there is no systemd to ask", async () => {
    world = { ...world, host: { ...world.host, env: { ...world.host.env, XDG_RUNTIME_DIR: "" } } };
    const run = await broken();
    expect(noticesOf(run)).toContain("resume.no_systemd");
    expect(await isThere(file)).toBe(false);
  });

  it("is shown by a dry run, which writes nothing", async () => {
    const run = await resumable({ request: { dryRun: true } });
    expect(run.words?.[1]).toContain(`would write 3 files in ${world.stackDir}, write ${file} and`);
    expect(eventsOf(run, "plan.ready")[0]?.files.at(-1)?.path).toBe(file);
    expect(await isThere(file)).toBe(false);
    expect(asked).toEqual([]);
  });

  it("stays where a download failed, and goes where all was downloaded", async () => {
    world.hub.setIntercept(({ file: wanted }) =>
      wanted?.repo === "openai/whisper-large-v3" && wanted.path === "model.safetensors"
        ? { garbage: { start: 1000, end: 2000 } }
        : undefined,
    );
    const failed = await resumable();
    expect(failed.error).toMatchObject({ exitCode: 3 });
    expect(await isThere(file)).toBe(true);
    world.hub.setIntercept(() => undefined);
    expect((await resumable()).error).toBeNull();
    expect(await isThere(file)).toBe(false);
  });
});

describe("the question", () => {
  /** What a person is asked, who then quits. */
  async function interviewOf(request: SetupOptions["request"] = {}): Promise<Interview> {
    const interviews: Interview[] = [];
    const ask = async (interview: Interview) => {
      interviews.push(interview);
      return null;
    };
    await runSetup(world, { request: { program, decided: [], ...request, person: { ask } } });
    const [interview] = interviews;
    if (interview === undefined) throw new Error("nobody was asked");
    return interview;
  }

  it("is asked where the user has a systemd, with yes chosen, and shows what is written", async () => {
    const { bootService, answers } = await interviewOf();
    expect(bootService).toEqual({
      file: "~/.config/systemd/user/heros-resume.service",
      lingers: false,
    });
    expect(answers.resumeAtBoot).toBe(true);
    expect((await interviewOf({ decided: [{ resumeAtBoot: ["no"] }] })).answers.resumeAtBoot).toBe(
      false,
    );
  });

  it("keeps an earlier no, and is not asked without a systemd or in a demo", async () => {
    await broken({}, "no");
    expect((await recallAnswers(world.host, world.stateDir)).answers.resumeAtBoot).toEqual(["no"]);
    expect((await interviewOf()).answers.resumeAtBoot).toBe(false);
    await runSetup(world, { request: { decided: [{ groups: ["1"] }] } });
    const ask = async ({ bootService }: Interview) => {
      expect(bootService).toBeNull();
      return null;
    };
    await runSetup(world, { request: { person: { ask } } });
  });

  it("has no as its answer where nobody is asked", async () => {
    const run = await runSetup(world, { request: { program, decided: [{ groups: ["1"] }] } });
    expect(run.error).toBeNull();
    expect(asked).toEqual([]);
  });
});

it("waits some minutes for what keeps Annie from running, and for nothing else", async () => {
  const clock = steppedClock(10_000);
  const remedy = waitForMachine({ clock });
  const { signal } = new AbortController();
  expect(await remedy({ checks: [], blocking: false }, signal)).toBe("onward");
  let looks = 0;
  while ((await remedy({ checks: [], blocking: true }, signal)) === "again") looks += 1;
  expect(looks).toBeGreaterThan(10);
  expect(looks).toBeLessThan(30);
});
