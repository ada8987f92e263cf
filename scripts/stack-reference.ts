import { parse, stringify } from "yaml";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { parseCatalog } from "../src/catalog/load.ts";
import { stackPlan } from "../src/commands/stack/stack-plan.ts";
import { initialAnswers } from "../src/plan/questions.ts";
import { tokenReaders } from "../src/deploy/compose/planned-services.ts";
import type { WarmupBase } from "../src/deploy/compose/warmup.ts";
import { overrideText } from "../src/deploy/compose/override.ts";
import { isStorage, type StorageAnswer } from "../src/plan/storage.ts";

/** docs/stack.md, with the files as heros writes them. `npm run docs` writes it. */
export function stackReference(): string {
  return [
    "<!-- Made by `npm run docs` from `scripts/stack-reference.ts`, with the code that writes the files; don't edit it by hand. -->",
    "",
    "# The stack's files",
    "",
    "`heros setup` writes `docker-compose.heros.yml` next to your compose file, and names it in COMPOSE_FILE. It says where the stack's services find their models and when they start. Your own files stay as they are.",
    "",
    "The files shown here are those of her-os, with its assistant Annie. For another stack the same parts stand under the services that [its catalog](catalog.md) names.",
    "",
    "## Where models are stored",
    "",
    "`--storage` takes one of these. Every command looks where the last setup put the models; [flags and variables](configuration.md) overrule that.",
    "",
    "| `--storage` | where that is | suits |",
    "|---|---|---|",
    "| `hub-cache` (default) | the Hub cache, `~/.cache/huggingface/hub` | most people: other programs share the models |",
    "| `stack-dir` | `models` in the stack's folder | who keeps everything of a stack in one place |",
    "| `/data/models` | any folder that you can write to | models on another disk |",
    "| `volume:NAME` | a Docker volume | who has one from an earlier install of her-os |",
    "| `nfs:HOST:/PATH` | an NFS server | several machines that share the models |",
    "",
    "To change your mind, run `heros setup` again with another one. Models move along without a download: on the same disk by hard links, which take no space, on another disk by a copy. What is in the earlier place stays there.",
    "",
    "### A folder",
    "",
    "The folder is mounted read-only. Annie's container can read the models whatever its user is and whatever your umask is: `heros setup` makes them readable for everyone inside the folder, and changes nothing above it.",
    "",
    yaml("/data/models"),
    "",
    "### A Docker volume",
    "",
    "A volume named `model-cache` in the compose file of an earlier install is found, and offered first with its size. Nothing in it is downloaded again. A volume that does not exist is created when you say yes.",
    "",
    "The part that differs:",
    "",
    yaml("volume:her-os_model-cache"),
    "",
    "`external` means that `docker compose down` never removes the volume, and `nocopy` that Docker doesn't fill it from the image.",
    "",
    "Docker's folder is closed to everyone but root. heros uses it directly if you may open it (as root, or with rootless Docker). Otherwise it starts a container that has the volume, heros' own folder and this machine's libraries mounted, and in which heros reads and writes the files. That container has no network and no token, and uses the image `heros-volume:1`, which heros makes and which contains no file. It ends with heros. The files belong to whoever owns the volume's folder.",
    "",
    "### NFS",
    "",
    yaml("nfs:nas.local:/export/models"),
    "",
    "- `nolock`: locks are not sent to the server. A container has no lock daemon, and without this option an NFS 3 mount fails where none runs on this machine either. heros takes its own locks on this machine; let one machine fill an export before another does.",
    "- `soft`: if the server stops answering, reads fail after a few tries. Without it, Annie would hang until the server is back, and could not even be stopped.",
    "- `rw`: the export is writable, so that heros can fill it. Annie's own mount is read-only.",
    "",
    "If this machine has the export mounted, heros fills it there. Otherwise it tries the same mount in a container. If that fails too, setup says so before it writes anything. Docker mounts the volume when Annie's container starts. Each export has a volume of its own, since Compose never changes one that exists.",
    "",
    "### What can't work",
    "",
    "The question's page says so before you say yes: a folder that you can't write to, and whose it is; a file system without symbolic links (exFAT, FAT, SMB without `mfsymlinks`); a disk that is not mounted or too small; folders of another user inside the cache.",
    "",
    "## When Annie starts",
    "",
    "With `--startup progressive` (default) and `wait`, the file differs in HER_OS_STARTUP alone: heros does the waiting. `warmup` adds a container that completes before Annie starts:",
    "",
    fenced(overrideOf({ startup: "warmup" })),
    "",
    "- heros downloads everything before it starts the stack, so the warm-up finds all models and fetches nothing. It runs again at each `docker compose up -d`, takes about a second, and leaves Annie's container as it is.",
    "- If a model is missing, because the cache was emptied or the machine is new, the warm-up downloads it. Its progress: `docker compose logs -f model-warmup`. MODEL_DOWNLOAD_PRIORITY in `.env` is handed on to it.",
    "- If it fails, Annie is not started, and heros shows its last lines.",
    "- To download the models of a machine without heros, copy the stack's folder there, create the cache's folder, then run `docker compose run --rm model-warmup`.",
    "",
    "## The token",
    "",
    "A saved token is mounted in the containers that the catalog names, and in no other. Of her-os that is the warm-up; Annie herself is offline and gets none:",
    "",
    fenced(tokenLines()),
    "",
    "- `docker inspect` shows the path, never the token.",
    "- The file has mode 0600. If the container runs as another user, heros lets that user read it with `setfacl` (package `acl`) before it starts the stack. `ls -l` then shows 0640 with a `+`; `getfacl` shows that only this user was added.",
    "- Where that can't be done, the container is started without the token, and heros says so. Only gated models need one.",
    "",
    "## Models in Annie's image",
    "",
    "Models that her image brings are not downloaded. heros knows them by the image's label `org.heros.models`, a list such as `Qwen/Qwen3-Embedding-0.6B,urchade/gliner_medium-v2.1@main`. If there is no label and Docker has the image, heros looks into the folder that the image's HER_OS_BAKED_MODELS names, for `Owner--Name`. The review says which models are in the image.",
    "",
  ].join("\n");
}

/** What of the file says where models are. */
function yaml(storage: string): string {
  const isFolder = storage.startsWith("/");
  const text = overrideOf({ ...(isStorage(storage) ? { storage } : {}), gpu: isFolder });
  if (isFolder) return fenced(text);
  const lines = text.split("\n");
  const [from, to] = [lines.indexOf("    volumes:"), lines.indexOf("volumes:")];
  return fenced(
    ["services:", "  her-os-core:", ...lines.slice(from, to), ...lines.slice(to)].join("\n"),
  );
}

function fenced(text: string): string {
  return ["```yaml", text.trimEnd(), "```"].join("\n");
}

const catalogFile = new URL("../assets/catalogs/her-os.yaml", import.meta.url);
const catalog = parseCatalog(readFileSync(catalogFile, "utf8"), "her-os.yaml");

/** What of the file tells of the token. */
function tokenLines(): string {
  const text = overrideOf({ startup: "warmup" }, "./secrets/hf_token");
  const { services, secrets } = parse(text) as {
    services: Record<string, { environment: Record<string, string>; secrets?: string[] }>;
    secrets: object;
  };
  const mounting = Object.entries(services).flatMap(([name, service]) =>
    service.secrets === undefined
      ? []
      : [
          [
            name,
            {
              environment: { HF_TOKEN_PATH: service.environment["HF_TOKEN_PATH"] },
              secrets: service.secrets,
            },
          ],
        ],
  );
  return stringify({ services: Object.fromEntries(mounting) as object, secrets });
}

interface Choice {
  readonly storage?: StorageAnswer;
  readonly startup?: "progressive" | "warmup";
  readonly gpu?: boolean;
}

function overrideOf(
  { storage = "hub-cache", startup = "progressive", gpu = true }: Choice,
  tokenFile: string | null = null,
): string {
  const cacheDir = storage.startsWith("/") ? storage : "/home/ann/.cache/huggingface/hub";
  const memoryGib = 120;
  const plan = stackPlan({
    catalog,
    answers: { ...initialAnswers(catalog), storage, startup },
    places: { cacheDir, ollamaDir: "/home/ann/.ollama/models" },
    isGiven: false,
    endpoint: "https://huggingface.co",
    port: 8000,
    capacity: { gpus: gpu ? 1 : 0, gpuMemoryGib: gpu ? memoryGib : 0, memoryGib },
  });
  const image = "ghcr.io/her-os/her-os-core:${HER_OS_VERSION:-latest}";
  const base = { image, isBuilt: false, user: "1000:1000", hasCommand: false, environment: {} };
  const warmups = new Map<string, WarmupBase>(
    startup === "warmup" ? [[catalog.stack.service ?? "", base]] : [],
  );
  const readers = tokenReaders(plan.services, { warmups, checked: null });
  return overrideText({
    plan,
    warmups,
    tokenFor: new Set(tokenFile === null ? [] : readers.map(({ service }) => service)),
    gpuReserved: new Set(),
    gpuServices: [],
    tokenFile,
    chosen: "docker-compose.yml:docker-compose.heros.yml",
    publish: false,
    secretTaken: false,
  });
}

if (import.meta.main) {
  await writeFile(new URL("../docs/stack.md", import.meta.url), stackReference());
}
