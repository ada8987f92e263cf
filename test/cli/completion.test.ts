import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CompletedCommand, completedProgram } from "../../src/cli/completed-program.ts";
import { completionScript } from "../../src/cli/completion.ts";
import { parseArguments, shells } from "../../src/cli/parse-arguments.ts";
import { parseCatalog } from "../../src/catalog/load.ts";
import { read } from "../repo/own-files.ts";
import { openPty, type Pty } from "../terminal/pty.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

const file = "assets/catalogs/her-os.yaml";
const program = completedProgram(parseCatalog(await read(file), file));
const script = await completionScript("bash");

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await makeSandbox();
});
afterEach(() => sandbox[Symbol.asyncDispose]());

function allOf(command: CompletedCommand): CompletedCommand[] {
  return [command, ...command.commands.flatMap(allOf)];
}

/** The words of a line of `--help` that are flags, and the names in its lists of commands. */
function helpOf(words: string) {
  const parsed = parseArguments([...words.split(" ").filter(Boolean), "--help"]);
  const text = parsed.kind === "text" ? parsed.text : "";
  return {
    flags: [...text.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag = ""]) => flag),
    commands: [...text.matchAll(/^ {2}([a-z]+)(?= {2,}[A-Z])/gm)].map(([, name = ""]) => name),
  };
}

/** What a bash without anything else completes the last word to. */
async function complete(...words: string[]): Promise<string[]> {
  const ask = `. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _heros; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const scriptFile = await sandbox.file("heros.bash", script);
  const args = ["--norc", "-c", ask, scriptFile, "heros", ...words];
  const { stdout, stderr } = await promisify(execFile)("bash", args, { env: {} });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((line) => line !== "");
}

describe("what is completed", () => {
  const commands = allOf(program).filter(({ word }) => word !== "help");

  it.each(commands.map((command) => [command.path, command] as const))(
    "after heros %s it is what --help shows",
    async (words, { options, commands: children }) => {
      const help = helpOf(words);
      const flags = options.map(({ names }) => names.at(-1) ?? "");
      expect(flags.toSorted()).toEqual(help.flags.toSorted());
      expect(flags).toContain("--help");
      if (children.length > 0) {
        const names = children.map(({ word }) => word);
        expect(names.toSorted()).toEqual(help.commands.toSorted());
      }
      const typed = words.split(" ").filter(Boolean);
      expect((await complete(...typed, "--")).toSorted()).toEqual(help.flags.toSorted());
    },
  );

  it("is no hidden command and no flag's other name", async () => {
    for (const shell of shells) {
      const text = await completionScript(shell);
      expect(text).not.toMatch(/(?<!-l |--)release|in-background|max-lanes/);
      expect(text).toContain("models");
    }
    expect(await complete("release", "")).toEqual([]);
  });

  it("has a meaning of one line for each command, flag and word in zsh and fish", async () => {
    const [zsh, fish] = [await completionScript("zsh"), await completionScript("fish")];
    expect(zsh).toContain("'--dry-run[Show the plan and change nothing]'");
    expect(zsh).toContain("'upgrade:Install the newest version'");
    expect(zsh).toContain("'wait:After all downloads finish'");
    expect(fish).toContain("-l dry-run -d 'Show the plan and change nothing'");
    expect(fish).toContain("-a upgrade -d 'Install the newest version'");
    expect(fish).toContain(String.raw`wait\\t\'After all downloads finish\'`);
    for (const { options } of commands) {
      for (const { meaning } of options) expect(meaning).toMatch(/^(?:[A-Z]|heros)[^;]+$/);
    }
  });
});

describe("bash", () => {
  it.each([
    ["up", ["up", "upgrade"]],
    ["models v", ["verify"]],
    ["models verify w", ["whisper-large-v3"]],
    ["pull whisper-large-v3 qwen", ["qwen3-embedding-0.6b", "qwen3-embedding-8b"]],
    ["setup --output ", ["auto", "ink", "plain", "json", "accessible"]],
    ["setup --output = j", ["json"]],
    ["setup --output =", ["auto", "ink", "plain", "json", "accessible"]],
    ["setup --output=j", ["--output=json"]],
    ["setup --startup w", ["wait", "warmup"]],
    ["setup --keep-token ", ["yes", "no"]],
    ["setup --storage ", ["hub-cache", "stack-dir"]],
    ["setup --storage = h", ["hub-cache"]],
    ["setup --tiers ", ["1", "2", "3"]],
    ["setup --tiers 1,", ["1,2", "1,3"]],
    ["pull --tiers = 1,2,", ["1,2,3"]],
    ["upgrade --channel b", ["beta"]],
    ["upgrade --version ", []],
    ["setup --port ", []],
    ["completion ", ["bash", "zsh", "fish"]],
    ["completion bash zs", []],
    ["help pu", ["pull", "push"]],
    ["pull -- --", []],
    ["nonsense ", []],
  ])("completes heros %s", async (line, expected) => {
    expect(await complete(...line.split(" "))).toEqual(expected);
  });

  it("starts nothing of heros, and offers flags where a command takes no arguments", async () => {
    expect(script).not.toMatch(/\$\(heros|`heros/);
    expect(await complete("setup", "--yes", "")).toContain("--tiers");
    expect(await complete("models", "ls", "")).toContain("--all");
  });

  describe("in a terminal", () => {
    let pty: Pty;
    beforeEach(async () => {
      const rc = await sandbox.file("rc", `${script}\nPS1='$ '\n`);
      await mkdir(path.join(sandbox.dir, "models of mine"));
      await writeFile(path.join(sandbox.dir, "mode.txt"), "");
      pty = openPty({
        command: "bash",
        args: ["--noprofile", "--rcfile", rc, "-i"],
        cwd: sandbox.dir,
        env: { HOME: sandbox.home, PATH: "/usr/bin:/bin", INPUTRC: "/dev/null" },
      });
      await pty.waitFor("$ ");
    });
    afterEach(() => pty.close());

    it.each([
      ["a command, with a space after it", "heros upg\t|", "heros upgrade |"],
      ["a folder, and no file", "heros pull --cache-dir mode\t|", String.raw`models\ of\ mine/|`],
      ["a file", "heros replay mode.\t|", "heros replay mode.txt |"],
      ["a folder beside words", "heros setup --storage=mod\t|", String.raw`=models\ of\ mine/|`],
      ["a list that can go on", "heros pull --tiers 1,2,\t,", "--tiers 1,2,3,"],
    ])("it completes %s", async (_, typed, seen) => {
      pty.type(typed);
      await pty.waitFor(seen);
      expect(pty.text()).toContain(seen);
    });
  });
});

describe("heros completion", () => {
  it.each(shells)("prints the script of %s alone, as the installed file has it", async (shell) => {
    const run = await sandbox.run(["completion", shell]);
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    expect(run.stdout).toBe(await completionScript(shell));
    const places = {
      bash: "bash-completion/completions/heros",
      zsh: "zsh/site-functions/_heros",
      fish: "fish/vendor_completions.d/heros.fish",
    };
    expect(await read(`dist/share/${places[shell]}`)).toBe(run.stdout);
  });

  it("with --json has it in the closing record", async () => {
    const run = await sandbox.run(["completion", "bash", "--json"]);
    expect(run.exitCode).toBe(0);
    const closing = run.events().at(-1);
    expect(closing).toMatchObject({ type: "run.succeeded", command: "completion" });
    if (closing?.type === "run.succeeded") expect(`${closing.summary.join("\n")}\n`).toBe(script);
  });

  it("of another shell, or of none, is wrong usage", async () => {
    const other = await sandbox.run(["completion", "tcsh"]);
    expect(other).toMatchObject({ exitCode: 2, stdout: "" });
    expect(other.stderr).toContain(`Invalid shell "tcsh": give bash, zsh or fish.`);
    const none = await sandbox.run(["completion", "--json"]);
    expect(failureOf(none)).toMatchObject({ code: "usage.wrong", exitCode: 2 });
  });
});
