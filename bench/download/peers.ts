import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Debian's package for each program that the benchmark needs. */
const packages = {
  nginx: "nginx-light",
  aria2c: "aria2",
  curl: "curl",
  openssl: "openssl",
  perl: "perl",
} as const;

const echo = "/usr/lib/nginx/modules/ngx_http_echo_module.so";

export interface Peers {
  /** A virtual environment with Python's client; null where there is none. */
  readonly venv: string | null;
  readonly versions: readonly string[];
  /** Who is left out, and why. */
  readonly absent: readonly string[];
  has(program: string): boolean;
}

/** Installs what is missing as far as this user may. @throws Error without nginx: nothing can be served then */
export function installPrograms(): void {
  const missing = Object.entries(packages).filter(([program]) => !found(program));
  const names: string[] = missing.map(([, name]) => name);
  // Whoever has another nginx lacks the module.
  if (!existsSync(echo)) names.push("libnginx-mod-http-echo");
  if (names.length > 0 && process.getuid?.() === 0) {
    if (!succeeds("apt-get", ["install", "-y", "-q", ...names])) {
      succeeds("apt-get", ["update", "-q"]);
      succeeds("apt-get", ["install", "-y", "-q", ...names]);
    }
  }
  if (!found("nginx")) throw new Error("The files are served by nginx: install nginx-light");
  if (!existsSync(echo)) throw new Error(`nginx needs ${echo}: install libnginx-mod-http-echo`);
}

/** @throws as `installPrograms` */
export function findPeers(folder: string): Peers {
  installPrograms();
  const absent = Object.entries(packages)
    .filter(([program]) => !found(program))
    .map(([program, name]) => `${program}: not installed (apt-get install ${name})`);
  const venv = installPython(join(folder, "venv"));
  if (venv === null) absent.push("hf download and hf_xet: Python or its registry can't be reached");
  return { venv, absent, versions: versionsOf(venv), has: found };
}

/** @returns the folder, with `bin/hf` in it; null where Python or its registry can't be reached */
export function installPython(venv: string): string | null {
  const pip = join(venv, "bin/pip");
  const made =
    succeeds("python3", ["-m", "venv", venv]) &&
    succeeds(pip, ["install", "-q", "--disable-pip-version-check", "huggingface_hub", "hf_xet"]);
  return made ? venv : null;
}

function versionsOf(venv: string | null): string[] {
  const library = new URL("../../node_modules/@huggingface/hub/package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(library, "utf8")) as { version: string };
  const said = [
    firstLine("nginx", ["-v"]).replace("nginx version: nginx/", "nginx "),
    firstLine("aria2c", ["--version"]).replace("version ", ""),
    firstLine("curl", ["--version"]).split(" (")[0] ?? "",
    firstLine("openssl", ["version"]).split(" ").slice(0, 2).join(" "),
    `@huggingface/hub ${version}`,
  ];
  if (venv === null) return said;
  const listed = execFileSync(join(venv, "bin/pip"), ["list", "--format", "freeze"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const python = listed.split("\n").filter((line) => /^(huggingface.hub|hf.xet)==/u.test(line));
  return [...said, ...python.map((line) => line.replace("==", " ").replace("hf-xet", "hf_xet"))];
}

function found(program: string): boolean {
  return succeeds("sh", ["-c", `command -v ${program}`]);
}

function succeeds(file: string, args: readonly string[]): boolean {
  return spawnSync(file, args, { stdio: ["ignore", "ignore", "ignore"] }).status === 0;
}

function firstLine(file: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(file, args, { encoding: "utf8" });
  return (stdout || stderr || `${file} none`).split("\n")[0] ?? "";
}
