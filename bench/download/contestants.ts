import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanEnv, heros } from "../program.ts";
import { resolvePath } from "./nginx-config.ts";
import type { Command } from "./run-to-end.ts";
import type { Server } from "./server.ts";

/** What a contestant has to bring, and where to. */
export interface Job {
  /** Its home, its cache, everything it writes. */
  readonly folder: string;
  readonly server: Pick<Server, "endpoint" | "files">;
  /** Left out: one model a repository. */
  readonly catalog?: string;
}

export interface Contestant {
  readonly name: string;
  /** Whether it compares what it wrote with the hash that the Hub names. */
  readonly verifies: boolean;
  /** Programs that must be installed. */
  readonly needs: readonly string[];
  /** Whether it has to fetch chunks out of xorbs, and not the file itself. */
  readonly viaXet?: boolean;
  prepare(job: Job): Promise<Command>;
}

const herosAlone: Contestant = {
  name: "heros",
  verifies: true,
  needs: [],
  async prepare({ folder, server, catalog }) {
    const made = join(folder, "catalog.json");
    await writeFile(made, JSON.stringify(catalogOf(server)));
    const where = ["--catalog", catalog ?? made, "--endpoint", server.endpoint, "--cache-dir"];
    const args = ["pull", "--all", ...where, join(folder, "cache"), "--output", "json"];
    return { file: process.execPath, args: [...heros, ...args], env: cleanEnv(folder) };
  },
};

const aria2: Contestant = {
  name: "aria2c -x16 -s16 --file-allocation=falloc",
  verifies: true,
  needs: ["aria2c"],
  async prepare({ folder, server }) {
    const list = join(folder, "list.txt");
    const entries = server.files.map(
      (file) =>
        `${server.endpoint}${resolvePath(file)}\n dir=${folder}\n out=${fileName(file)}\n checksum=sha-256=${file.sha256}\n`,
    );
    await writeFile(list, entries.join(""));
    const quickest = ["-x16", "-s16", "-k1M", "-j16", "--file-allocation=falloc"];
    const args = ["--no-conf", ...quickest, "-c", "-q", "-i", list];
    return { file: "aria2c", args, env: cleanEnv(folder) };
  },
};

const curl: Contestant = {
  name: "curl, openssl dgst",
  verifies: true,
  needs: ["curl", "openssl"],
  async prepare({ folder, server: { endpoint, files } }) {
    const [config, expected, script] = ["curl.txt", "expected.txt", "curl.sh"].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    const urls = files.map(
      (file) => `url = ${endpoint}${resolvePath(file)}\noutput = "${fileName(file)}"\n`,
    );
    await writeFile(config, urls.join(""));
    const sums = files.map((file) => `${file.sha256} *${fileName(file)}\n`);
    await writeFile(expected, sums.join(""));
    const parallel = files.length > 1 ? "-Z --parallel-max 16" : "";
    for (const folderOf of new Set(files.map((file) => dirname(fileName(file)))))
      await mkdir(join(folder, folderOf), { recursive: true });
    await writeFile(
      script,
      `set -e
cd ${folder}
curl -q -sfL -C - ${parallel} -K ${config}
cut -d'*' -f2 ${expected} | xargs -n 1000 openssl dgst -sha256 -r | diff - ${expected}
`,
    );
    return { file: "bash", args: [script], env: cleanEnv(folder) };
  },
};

const library: Contestant = {
  name: "@huggingface/hub",
  verifies: false,
  needs: [],
  prepare({ folder, server }) {
    const script = fileURLToPath(new URL("snapshot.ts", import.meta.url));
    const args = [script, server.endpoint, join(folder, "cache"), ...revisions(server)];
    return Promise.resolve({ file: process.execPath, args, env: cleanEnv(folder) });
  },
};

/** Each way that Python's client downloads: its name in the tables, and what it is told. */
const ways = {
  http: { name: "hf download", env: { HF_HUB_DISABLE_XET: "1" } },
  xet: { name: "hf download, hf_xet", env: {} },
  fastXet: {
    name: "hf download, hf_xet, HF_XET_HIGH_PERFORMANCE=1",
    env: { HF_XET_HIGH_PERFORMANCE: "1" },
  },
} as const;

/** Python's client from this virtual environment. */
function python(venv: string, way: keyof typeof ways): Contestant {
  return {
    name: ways[way].name,
    verifies: false,
    needs: [],
    viaXet: way !== "http",
    prepare({ folder, server }) {
      const hf = join(venv, "bin/hf");
      const commands = revisions(server).map((revision) => {
        const [repo, commit] = revision.split("@");
        return `${hf} download ${repo} --revision ${commit} --cache-dir ${join(folder, "cache")} -q`;
      });
      const env = {
        ...cleanEnv(folder),
        HF_ENDPOINT: server.endpoint,
        HF_HUB_DISABLE_TELEMETRY: "1",
        ...ways[way].env,
      };
      return Promise.resolve({ file: "bash", args: ["-c", commands.join(" && ")], env });
    },
  };
}

export function contestants(venv: string | null) {
  return {
    heros: herosAlone,
    aria2,
    curl,
    library,
    python: venv === null ? [] : [python(venv, "http")],
    xet: venv === null ? [] : [python(venv, "xet"), python(venv, "fastXet")],
  };
}

function fileName({ repo, path }: { repo: string; path: string }): string {
  return `out/${repo}/${path}`;
}

/** `owner/name@commit`, each once. */
function revisions({ files }: Job["server"]): string[] {
  return [...new Set(files.map(({ repo, commit }) => `${repo}@${commit}`))];
}

/** One model a repository; JSON is YAML too. */
export function catalogOf(server: Job["server"]) {
  return {
    schema: 1,
    stack: "bench",
    tiers: [{ id: 1, name: "All", required: true }],
    models: revisions(server).map((text, index) => {
      const [repo, revision] = text.split("@");
      return { id: `model-${index}`, title: repo, repo, revision, tier: 1, purpose: "Benchmark" };
    }),
  };
}
