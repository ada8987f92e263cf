import path from "node:path";
import { z } from "zod";
import { failure } from "../run/failures/table.ts";
import { parseJson } from "../run/json.ts";
import { addressWords } from "./address.ts";
import type { Connection } from "./connection.ts";

/** What heros has to know of another machine before it sends anything there. */
export interface FarMachine {
  /** As it calls itself. */
  readonly name: string;
  /** `linux-arm64` */
  readonly platform: string;
  /** Absolute, as all folders. */
  readonly home: string;
  /** Where heros is installed, or will be. */
  readonly data: string;
  readonly state: string;
  readonly config: string;
  /** Where install.sh unpacks. */
  readonly install: string;
  readonly hubCache: string;
  readonly hasHubCache: boolean;
  /** On the disks of these folders; null where it does not say. */
  readonly freeBytes: Readonly<Record<"data" | "install" | "hubCache", number | null>>;
  /** Version of its Docker engine; null where none answers. */
  readonly docker: string | null;
  readonly hasXz: boolean;
  /** The heros that is installed there; null where none is, or what is there says nothing of itself. */
  readonly heros: FarRelease | null;
}

export interface FarRelease {
  readonly version: string;
  readonly id: string;
  readonly commit: string | null;
}

const tools = "tar gzip sha256sum mkdir rm mv cat cut df sed wc find";
const [begins, ends] = ["heros-probe-begins", "heros-probe-ends"];

/**
 * Asks any POSIX shell. An XDG variable that is relative doesn't count, as its specification says. Docker may take ten seconds, where
 * there is a `timeout`; nothing is changed.
 */
export const probeScript = `
say() { printf "%s=%s\\n" "$1" "$2"; };
folder() { case $1 in /*) printf %s "$1" ;; *) printf %s "$2" ;; esac; };
existing() { place=$1; until [ -z "$place" ] || [ -d "$place" ]; do place=\${place%/*}; done; printf %s "\${place:-/}"; };
free() { df -Pk "$(existing "$1")" 2>/dev/null | sed -n "$ s/^.* \\([0-9][0-9]*\\)  *[0-9]*%.*/\\1/p"; };
place() { say "$1" "$2"; say "free.$1" "$(free "$2")"; [ -w "$(existing "$2")" ] || say closed "$2"; };
limited() { if command -v timeout >/dev/null 2>&1; then timeout 10 "$@"; else "$@"; fi; };
echo ${begins};
say system "$(uname -s 2>/dev/null)";
say arch "$(uname -m 2>/dev/null)";
say name "$(uname -n 2>/dev/null)";
say bits "$(getconf LONG_BIT 2>/dev/null)";
say libc "$(getconf GNU_LIBC_VERSION 2>/dev/null || ldd --version 2>&1 | sed q)";
for tool in ${tools}; do command -v $tool >/dev/null 2>&1 || say lacks $tool; done;
command -v xz >/dev/null 2>&1 && say xz yes;
say home "$HOME";
data=$(folder "$XDG_DATA_HOME" "$HOME/.local/share")/heros;
cache=$(folder "$XDG_CACHE_HOME" "$HOME/.cache");
hub=$(folder "$HF_HUB_CACHE" "$(folder "$HF_HOME" "$cache/huggingface")/hub");
place data "$data";
place install "$cache/heros/install";
place hubCache "$hub";
say state "$(folder "$XDG_STATE_HOME" "$HOME/.local/state")/heros";
say config "$(folder "$XDG_CONFIG_HOME" "$HOME/.config")/heros";
[ -n "$(find "$hub" -maxdepth 1 -name "models--*" 2>/dev/null | sed q)" ] && say cached yes;
[ -f "$data/current/release.json" ] && say heros "$(limited cut -c 1-2000 "$data/current/release.json" | sed q)";
command -v docker >/dev/null 2>&1 && say docker "$(limited docker version --format "{{.Server.Version}}" 2>/dev/null </dev/null | sed q)";
echo ${ends}
`;

/**
 * Asks what the machine is.
 * @throws Failure `push.no_shell`, `push.wrong_machine`, `push.lacks_tools`, `push.not_writable` (exit 4), `push.lost`,
 *   `push.bad_answer` (5); AbortError
 */
export async function probe(connection: Connection, signal: AbortSignal): Promise<FarMachine> {
  const { address } = connection;
  const { host } = address;
  const { stdout } = await connection.run({ script: probeScript, signal, timeoutMs: limitMs });
  const text = new RegExp(`^${begins}\\r?\\n(.*)^${ends}\\r?$`, "msu").exec(stdout)?.[1];
  if (text === undefined) throw failure("push.no_shell", { host, words: addressWords(address) });
  return readProbe(host, text);
}

/** The slowest machines answer in a second, and Docker in ten more. */
const limitMs = 60_000;
const longestValue = 4096;

const absolute = z.string().refine((place) => path.isAbsolute(place) && !/\p{Cc}/u.test(place));
const shape = z.object({
  name: z.string().default(""),
  home: absolute,
  data: absolute,
  state: absolute,
  config: absolute,
  install: absolute,
  hubCache: absolute,
});
const releaseShape = z.looseObject({
  version: z.string().max(100),
  id: z.string().max(100).optional(),
  commit: z.string().max(100).nullish(),
});

/** What the lines of an answer say. @throws as `probe` */
export function readProbe(host: string, text: string): FarMachine {
  const found = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/u)) {
    const [, key, value] = /^([A-Za-z.]+)=(.*)$/u.exec(line) ?? [];
    if (key === undefined || value === undefined || value.length > longestValue) continue;
    found.set(key, [...(found.get(key) ?? []), value]);
  }
  const valueOf = (key: string): string => found.get(key)?.[0] ?? "";
  const wrong = wrongWith(valueOf);
  if (wrong !== null) throw failure("push.wrong_machine", { host, what: wrong });
  const lacks = found.get("lacks") ?? [];
  if (lacks.length > 0) throw failure("push.lacks_tools", { host, tools: lacks.slice(0, 20) });
  const { data: folders } = shape.safeParse(
    Object.fromEntries([...found].map(([key, [value]]) => [key, value])),
  );
  if (folders === undefined) {
    throw failure("push.bad_answer", { host, what: `its home folder is "${valueOf("home")}"` });
  }
  const [closed] = found.get("closed") ?? [];
  if (closed !== undefined) throw failure("push.not_writable", { host, folder: closed });
  const freeOf = (name: string): number | null => {
    const kilobytes = valueOf(`free.${name}`);
    return /^\d{1,15}$/u.test(kilobytes) ? Number(kilobytes) * 1024 : null;
  };
  const release = releaseShape.safeParse(parseJson(valueOf("heros"))).data;
  const docker = valueOf("docker");
  return {
    ...folders,
    platform: `linux-${platforms[valueOf("arch")] ?? ""}`,
    hasHubCache: valueOf("cached") === "yes",
    freeBytes: {
      data: freeOf("data"),
      install: freeOf("install"),
      hubCache: freeOf("hubCache"),
    },
    docker: /^\d[\w.+~-]{0,40}$/u.test(docker) ? docker : null,
    hasXz: valueOf("xz") === "yes",
    heros:
      release === undefined
        ? null
        : {
            version: release.version,
            id: release.id ?? release.version,
            commit: release.commit ?? null,
          },
  };
}

const platforms: Readonly<Record<string, string>> = {
  aarch64: "arm64",
  arm64: "arm64",
  x86_64: "x64",
  amd64: "x64",
};

/** As install.sh judges a machine. @returns what is wrong with it; null where heros can run there */
function wrongWith(valueOf: (key: string) => string): string | null {
  const [system, arch, bits, libc] = [
    valueOf("system"),
    valueOf("arch"),
    valueOf("bits"),
    valueOf("libc"),
  ];
  if (system !== "Linux" || platforms[arch] === undefined) {
    return `it is ${system || "an unknown system"} on ${arch || "an unknown processor"}`;
  }
  if (bits === "32") return "its system has 32 bits";
  if (/musl/iu.test(libc)) return "it has musl";
  const [, minor] = /glibc 2\.(\d+)/u.exec(libc) ?? [];
  return minor !== undefined && Number(minor) < 28 ? `it has glibc 2.${minor}` : null;
}
