import { describe, expect, it } from "vitest";
import {
  chooseWriter,
  terminalFeatures,
  wantsColor,
  wantsUnicode,
} from "../../src/cli/open-writer.ts";
import { parseArguments, type HerosCommand } from "../../src/cli/parse-arguments.ts";
import { questions } from "../../src/plan/questions.ts";
import { settings } from "../../src/plan/settings.ts";

function commandOf(...argv: string[]): HerosCommand {
  const parsed = parseArguments(argv);
  if (parsed.kind !== "command") throw new Error(parsed.text);
  return parsed.command;
}

function helpOf(...argv: string[]): string {
  const parsed = parseArguments(argv);
  if (parsed.kind !== "text") throw new Error("no help");
  return parsed.text;
}

describe("the command line", () => {
  it("takes a setting by its other name too", () => {
    for (const flag of ["--max-connections", "--max-lanes"]) {
      for (const command of ["setup", "pull", "models repair"]) {
        const { settingFlags } = commandOf(...command.split(" "), flag, "4");
        expect(settingFlags, `${command} ${flag}`).toEqual({ maxConnections: "4" });
      }
    }
  });

  it("reads setup with every flag of the contract", () => {
    const line =
      "setup --yes --dry-run --tiers 1,2 --storage /data --startup wait --token-file F --stack-dir S --cache-dir C " +
      "--endpoint http://h --catalog K --limit-rate 50M --allow-unsupported --output json --no-color -q";
    const command = commandOf(...line.split(" "));
    expect(command).toMatchObject({
      name: "setup",
      yes: true,
      dryRun: true,
      demo: null,
      output: "json",
      color: false,
      verbosity: "quiet",
      questionFlags: {
        unsupported: "true",
        groups: "1,2",
        storage: "/data",
        startup: "wait",
        token: "F",
      },
      settingFlags: {
        stackDir: "S",
        cacheDir: "C",
        endpoint: "http://h",
        catalog: "K",
        limitRate: "50M",
      },
    });
  });

  it("joins the addresses of a flag that is given twice", () => {
    const command = commandOf("pull", "--endpoint", "http://a", "--endpoint", "http://b,http://c");
    expect(command).toMatchObject({ settingFlags: { endpoint: "http://a,http://b,http://c" } });
  });

  it("takes sets by name together, and the last list of numbers", () => {
    expect(commandOf("pull", "--group", "a", "--group", "b,c")).toMatchObject({
      questionFlags: { groups: "a,b,c" },
    });
    expect(commandOf("pull", "--tiers", "1,2,3", "--tiers", "1")).toMatchObject({
      questionFlags: { groups: "1" },
    });
  });

  it("reads pull with models, tiers or all, and --json as --output json", () => {
    expect(commandOf("pull", "a", "b", "--json")).toMatchObject({
      name: "pull",
      models: ["a", "b"],
      output: "json",
    });
    expect(commandOf("pull", "--all")).toMatchObject({ all: true, models: [] });
    expect(commandOf("pull", "--tiers", "3")).toMatchObject({ questionFlags: { groups: "3" } });
  });

  it("shows every flag of the tables in the help of setup", () => {
    const parsed = parseArguments(["setup", "--help"]);
    if (parsed.kind !== "text") throw new Error("no help");
    const own = settings.filter(({ serveOnly }) => serveOnly !== true);
    for (const { flag } of [...questions, ...own])
      expect(parsed.text).toContain(flag.split(" ")[0]);
  });

  it("shows the commands when asked for help, or for nothing", () => {
    for (const argv of [["--help"], ["-h"], []]) {
      expect(parseArguments(argv)).toMatchObject({
        kind: "text",
        text: expect.stringContaining("pull") as unknown,
      });
    }
  });

  const commands = [
    "setup",
    "pull",
    "doctor",
    "status",
    "replay",
    "models",
    "models ls",
    "models verify",
    "models repair",
    "models prune",
    "models update",
    "upgrade",
    "uninstall",
    "version",
    "completion",
  ];

  it.each(["", ...commands])("helps with heros %s in 80 columns, in sentences", (words) => {
    const text = helpOf(...words.split(" ").filter(Boolean), "--help");
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(text).toContain(`Examples:\n  heros ${words}`.trimEnd());
    const rows = text
      .slice(0, text.indexOf("Examples:"))
      .matchAll(/^ {2}\S.*?(?: {2,}|\n +)(\S+)/gm);
    for (const [, word] of rows) expect(word).toMatch(/^(?:[A-Z]|heros|YAML)/);
  });

  it("speaks of answers only where something is asked", () => {
    expect(helpOf("setup", "--help")).toContain("\nAnswers:\n");
    for (const words of ["pull", "doctor", "status", "models ls"]) {
      const text = helpOf(...words.split(" "), "--help");
      expect(text).not.toContain("Answers:");
      expect(text).toContain("\nSelection:\n");
    }
  });

  it("helps with help COMMAND as with --help", () => {
    for (const words of ["pull", "models", "models prune"]) {
      const argv = words.split(" ");
      expect(helpOf("help", ...argv)).toBe(helpOf(...argv, "--help"));
    }
    expect(helpOf("help")).toBe(helpOf("--help"));
  });

  it.each([
    [["setup", "--tier", "1"], /unknown option '--tier'/, /^Did you mean --tiers\? Run /],
    [["sutup"], /unknown command 'sutup'/, /^Did you mean heros setup\? Run /],
    [["staus", "--help"], /unknown command 'staus'/, /Did you mean heros status\?/],
    [["models", "verfy"], /unknown command 'verfy'/, /Did you mean heros models verify\?/],
    [["install"], /unknown command 'install'/, /Did you mean heros setup\?/],
    [["stop"], /unknown command 'stop'/, /Did you mean heros down\?/],
    [["models", "list"], /unknown command 'models list'/, /Did you mean heros models ls\?/],
    [["help", "staus"], /unknown command 'staus'/, /Did you mean heros status\?/],
    [
      ["setup", "--output", "xml"],
      /^Invalid --output "xml": give auto, ink, plain, json or accessible\.$/,
      /heros COMMAND --help/,
    ],
    [["setup", "--tiers"], /^--tiers needs a value\.$/, /^Use --tiers <list>\./],
    [["setup", "now"], /too many arguments/, /heros COMMAND --help/],
    [
      ["setup", "--demo", "--demo-speed", "0"],
      /^Invalid --demo-speed "0": /,
      /heros COMMAND --help/,
    ],
  ])("refuses %j, and says what would be right", (argv, message, hint) => {
    expect(() => parseArguments(argv)).toThrow(
      expect.objectContaining({
        code: "usage.wrong",
        exitCode: 2,
        message: expect.stringMatching(new RegExp(message, "i")) as unknown,
        hint: expect.stringMatching(hint) as unknown,
      }),
    );
  });
});

describe("choosing how to show a run", () => {
  const tty = { output: "auto", stdinIsTty: true, stdoutIsTty: true, env: {} } as const;

  it("takes Ink in a terminal, plain lines elsewhere", () => {
    expect(chooseWriter(tty)).toBe("ink");
    expect(chooseWriter({ ...tty, stdoutIsTty: false })).toBe("plain");
    expect(chooseWriter({ ...tty, stdinIsTty: false })).toBe("plain");
    expect(chooseWriter({ ...tty, env: { TERM: "dumb" } })).toBe("plain");
  });

  it("heeds a screen reader, and what is asked for by name", () => {
    expect(chooseWriter({ ...tty, env: { ACCESSIBLE: "1" } })).toBe("accessible");
    expect(chooseWriter({ ...tty, env: { INK_SCREEN_READER: "true" } })).toBe("accessible");
    expect(chooseWriter({ ...tty, output: "json", env: { ACCESSIBLE: "1" } })).toBe("json");
  });

  it("refuses Ink where there is no terminal", () => {
    expect(() => chooseWriter({ ...tty, output: "ink", stdoutIsTty: false })).toThrow(
      expect.objectContaining({ code: "usage.wrong", exitCode: 2 }),
    );
  });

  it("uses colours as NO_COLOR, FORCE_COLOR and the flag say", () => {
    expect(wantsColor({ flag: true, isTty: true, env: {} })).toBe(true);
    expect(wantsColor({ flag: true, isTty: false, env: {} })).toBe(false);
    expect(wantsColor({ flag: true, isTty: false, env: { FORCE_COLOR: "1" } })).toBe(true);
    expect(wantsColor({ flag: true, isTty: true, env: { NO_COLOR: "1", FORCE_COLOR: "1" } })).toBe(
      false,
    );
    expect(wantsColor({ flag: false, isTty: true, env: {} })).toBe(false);
  });

  it("uses ASCII where the locale is not UTF-8, or on the Linux console", () => {
    expect(wantsUnicode({ LANG: "en_GB.UTF-8" })).toBe(true);
    expect(wantsUnicode({ LANG: "C" })).toBe(false);
    expect(wantsUnicode({ LANG: "en_GB.UTF-8", LC_ALL: "C" })).toBe(false);
    expect(wantsUnicode({ LANG: "en_GB.UTF-8", TERM: "linux" })).toBe(false);
  });
});

describe("what the terminal understands beside text", () => {
  const seen = (env: Record<string, string>, rest = { isTty: true, color: true }) => {
    const { title, progress, links } = terminalFeatures({ ...rest, env });
    return [
      ...(title ? ["title"] : []),
      ...(progress ? ["progress"] : []),
      ...(links ? ["links"] : []),
    ];
  };
  const TERM = "xterm-256color";

  it("is nothing on what is no terminal, on a dumb one and on the console of Linux", () => {
    expect(seen({ TERM }, { isTty: false, color: true })).toEqual([]);
    for (const term of ["dumb", "linux", "vt220", ""]) expect(seen({ TERM: term })).toEqual([]);
    expect(seen({})).toEqual([]);
  });

  it("is a title and links on the usual ones, and no links without colours", () => {
    expect(seen({ TERM })).toEqual(["title", "links"]);
    expect(seen({ TERM }, { isTty: true, color: false })).toEqual(["title"]);
    expect(seen({ TERM: "screen" })).toEqual(["title"]);
    expect(seen({ TERM: "screen-256color", TMUX: "/tmp/tmux" })).toEqual(["title", "links"]);
  });

  it.each([
    { WT_SESSION: "f00" },
    { ConEmuANSI: "ON" },
    { VTE_VERSION: "8000" },
    { KONSOLE_VERSION: "250400" },
    { TERM_PROGRAM: "ghostty", TERM_PROGRAM_VERSION: "1.2.0" },
    { TERM_PROGRAM: "WezTerm", TERM_PROGRAM_VERSION: "20250209-182623-44866cc1" },
    { TERM_PROGRAM: "iTerm.app", TERM_PROGRAM_VERSION: "3.6.6" },
  ])("is progress too for %o, but not through tmux", (env) => {
    expect(seen({ TERM, ...env })).toContain("progress");
    expect(seen({ TERM, ...env, TMUX: "/tmp/tmux" })).not.toContain("progress");
  });

  it.each([
    { VTE_VERSION: "7804" },
    { KONSOLE_VERSION: "241201" },
    { TERM_PROGRAM: "ghostty", TERM_PROGRAM_VERSION: "1.1.3" },
    { TERM_PROGRAM: "ghostty" },
    { TERM_PROGRAM: "WezTerm", TERM_PROGRAM_VERSION: "20240203-110809-5046fc22" },
    { TERM_PROGRAM: "iTerm.app", TERM_PROGRAM_VERSION: "3.5.14" },
    { TERM_PROGRAM: "Apple_Terminal", TERM_PROGRAM_VERSION: "455" },
  ])("is no progress for %o", (env) => {
    expect(seen({ TERM, ...env })).not.toContain("progress");
  });
});
