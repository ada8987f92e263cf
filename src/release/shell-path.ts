import path from "node:path";
import { readIfThere, writeAtomically } from "../host/text-files.ts";
import { folderOfVariable } from "../host/places.ts";
import type { Host } from "../host/host.ts";
import { quoted } from "../run/shell-quote.ts";
import { makeNoted, noteMade } from "./installation.ts";

/** Which line in which file puts a folder into the PATH of the user's shell. */
export interface PathLine {
  readonly file: string;
  readonly line: string;
}

/** By this, uninstalling and a second run know the line. */
const mark = "# added by heros";

export function isOnPath({ env }: Pick<Host, "env">, folder: string): boolean {
  return (env["PATH"] ?? "").split(path.delimiter).includes(folder);
}

/** Bash reads `~/.bashrc`, zsh `.zshrc` in ZDOTDIR or the home folder, fish each file of `conf.d`; other shells read `~/.profile` at login. */
export function pathLine(host: Pick<Host, "env" | "home">, folder: string): PathLine {
  const { env, home } = host;
  const line = `export PATH=${quoted(folder)}:"$PATH" ${mark}`;
  switch (path.basename(env["SHELL"] ?? "")) {
    case "bash":
      return { file: path.join(home, ".bashrc"), line };
    case "zsh":
      return { file: path.join(folderOfVariable(host, "ZDOTDIR", ""), ".zshrc"), line };
    case "fish": {
      const config = folderOfVariable(host, "XDG_CONFIG_HOME", ".config");
      const file = path.join(config, "fish/conf.d/heros.fish");
      return { file, line: `fish_add_path ${quoted(folder)} ${mark}` };
    }
    default:
      return { file: path.join(home, ".profile"), line };
  }
}

/** Adds the line at the file's end, unless it is there. @returns whether it was added */
export async function addLine(
  host: Host,
  data: string,
  { file, line }: PathLine,
): Promise<boolean> {
  const before = await readIfThere(host, file);
  if (before?.split("\n").includes(line) === true) return false;
  await makeNoted(host, data, path.dirname(file));
  await noteMade(host, data, { kind: "line", path: file, line, whole: before === null });
  const start = before === null || before === "" || before.endsWith("\n") ? "" : "\n";
  const content = `${before ?? ""}${start}${line}\n`;
  await writeAtomically({ host, path: file, content, mode: 0o644 });
  return true;
}

/** Takes the line out; a file that was made for it goes with it where nothing else is in it. @returns whether it was there */
export async function removeLine(
  host: Host,
  { file, line, whole }: PathLine & { readonly whole: boolean },
): Promise<boolean> {
  const before = await readIfThere(host, file);
  const lines = before?.split("\n") ?? [];
  if (!lines.includes(line)) return false;
  const content = lines.filter((each) => each !== line).join("\n");
  if (whole && content.trim() === "") await host.files.rm(file);
  else await writeAtomically({ host, path: file, content, mode: 0o644 });
  return true;
}
