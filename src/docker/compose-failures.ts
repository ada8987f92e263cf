import { z } from "zod";
import type { StackConfig } from "../deploy/compose/config.ts";
import { annieServiceName } from "../deploy/compose/own-base.ts";
import { redactComposeOutput } from "../deploy/compose/redact.ts";
import { type ExitCode, exitCodes, Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { inFolder } from "../run/shell.ts";
import { engineFailure, type EnginePlace, engineProblem, readEngineError } from "./engine.ts";
import { parseJson } from "../run/json.ts";

export interface ComposeFailureDetails {
  /** What compose said on stderr, JSON progress lines among it. */
  readonly stderr: string;
  /** Null where compose could not be started, or was killed. */
  readonly exitCode: number | null;
  /** No `docker` on the PATH. */
  readonly missing: boolean;
  readonly stackDir: string;
  /** Which engine docker talks to; null where nobody asked. */
  readonly place?: EnginePlace | null;
  /** The stack as compose merges it; null where it can't be. */
  readonly config?: StackConfig | null;
}

/** Why `docker compose` ended badly, in words, with compose's own as the cause. */
export function composeFailure(details: ComposeFailureDetails): Failure {
  const { stderr, exitCode, missing, stackDir, place = null, config = null } = details;
  if (missing) {
    return failure("docker.missing");
  }
  const said = spokenLines(stderr);
  const lines = said.map(({ words }) => words);
  const trouble = readEngineError(lines.join("\n"));
  const recognised = knownOutput.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  const telling = lines.find((line) => recognised?.pattern.test(line)) ?? lastTelling(lines);
  const words = redactComposeOutput(telling.replace(/^Error response from daemon: /, ""));
  const cause = new Error(`docker compose ended with ${exitCode ?? "no status"}: ${words}`);
  if (trouble !== null) return engineFailure(engineProblem(trouble, place), cause);
  const match = recognised?.pattern.exec(telling);
  if (recognised !== undefined && match !== null && match !== undefined) {
    const image = blamedImage(said, config);
    const blame: Blame = {
      image,
      registry: registryOf(image) ?? namedRegistry(telling),
      serviceOfPort: (port) => config?.serviceOfPort.get(port) ?? null,
      annieService: annieServiceName,
    };
    return new Failure({
      code: recognised.code,
      message: `${recognised.message(match, blame)} Docker says: ${words}`,
      hint: recognised.hint(match, blame),
      exitCode: recognised.exitCode,
      cause,
    });
  }
  return new Failure({
    code: "stack.compose_failed",
    message: `Docker Compose could not start the stack in ${stackDir}${words === "" ? "" : `: ${words}`}`,
    hint: `Try it by hand: ${inFolder(stackDir, "docker compose up -d")}`,
    exitCode: exitCodes.failed,
    cause,
  });
}

/** The registry of an image, as a person calls it; null without an image. */
export function registryOf(image: string | null): string | null {
  if (image === null) return null;
  const [first = "", ...rest] = image.split("/");
  const named = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return named ? registryName(first) : registryName("docker.io");
}

function registryName(host: string): string {
  return /(?:^|\.)docker\.(?:io|com)$/.test(host) ? "Docker Hub" : host;
}

/** From an address in docker's words: `Get "https://ghcr.io/v2/": dial tcp …`. */
function namedRegistry(words: string): string | null {
  const host = /https?:\/\/([^/"\s]+)\/(?:v2|token)/.exec(words)?.[1];
  return host === undefined ? null : registryName(host);
}

interface Spoken {
  /** Service or image that a line of progress blames; null for words alone. */
  readonly of: string | null;
  readonly words: string;
}

function blamedImage(said: readonly Spoken[], config: StackConfig | null): string | null {
  for (const { of } of said) {
    if (of === null) continue;
    if (of.startsWith("Image ")) return of.slice("Image ".length);
    const image = config?.imageOfService.get(of);
    if (image !== undefined) return image;
    if (config?.serviceOfImage.has(of) === true) return of;
  }
  const text = said.map(({ words }) => words).join("\n");
  const named =
    /pull access denied for ([^\s,]+)/.exec(text) ??
    /manifest for (\S+) not found/.exec(text) ??
    /failed to resolve reference "([^"]+)"/.exec(text) ??
    /no such image: ([^\s:]\S*[^\s:])/i.exec(text);
  if (named?.[1] !== undefined) return named[1];
  const [, host, name, tag] =
    /https?:\/\/([^/"\s]+)\/v2\/(\S+?)\/manifests\/([^"\s]+)"/.exec(text) ?? [];
  if (host === undefined) return null;
  const place = registryName(host) === "Docker Hub" ? "" : `${host}/`;
  return `${place}${name}${tag?.startsWith("sha256:") === true ? "@" : ":"}${tag}`;
}

/** What was said in words: stray text, the messages of errors, and the reason beside what progress calls an error. */
function spokenLines(stderr: string): Spoken[] {
  return stderr
    .split("\n")
    .map((line) => line.trim())
    .flatMap((line): Spoken[] => {
      if (line.startsWith("{")) return readJsonLine(line);
      const [, of, words = ""] = /^((?:Image )?\S+)\s+Error(?:\s+(.*))?$/.exec(line) ?? [];
      return of === undefined ? [{ of: null, words: line }] : [{ of, words }];
    })
    .filter(({ of, words }) => of !== null || words !== "")
    .filter(({ words }) => !/^(?:Container|Network|Volume|Image) \S+\s+\w+$/.test(words));
}

/** The last line that sounds like a reason. */
function lastTelling(lines: readonly string[]): string {
  const reason = /error|denied|cannot|could not|failed|not /i;
  return lines.findLast((line) => reason.test(line)) ?? lines.at(-1) ?? "";
}

const errorLine = z.object({ error: z.literal(true), message: z.string() });
const progressLine = z.object({
  id: z.string(),
  text: z.string().optional(),
  status: z.string().optional(),
  details: z.string().optional(),
});

/** The fields of progress moved between versions: compose 2.40 has the reason in `status`, 5 in `details`. */
function readJsonLine(line: string): Spoken[] {
  const json = parseJson(line);
  if (json === undefined) return [{ of: null, words: line }];
  const error = errorLine.safeParse(json).data;
  if (error !== undefined) {
    return error.message.split("\n").map((words) => ({ of: null, words: words.trim() }));
  }
  const progress = progressLine.safeParse(json).data;
  if (progress?.text !== "Error") return [];
  const reason = progress.details ?? (progress.status === "Error" ? "" : (progress.status ?? ""));
  return [{ of: progress.id, words: reason }];
}

/** What is known of a start that failed, beside docker's words. */
export interface Blame {
  /** The image that could not be had, as the compose file names it. */
  readonly image: string | null;
  /** Where it lives: `ghcr.io`, `Docker Hub`. */
  readonly registry: string | null;
  /** Which service publishes this port of the machine. */
  readonly serviceOfPort: (port: number) => string | null;
  /** Annie's service, whose port heros itself chooses. */
  readonly annieService: string;
}

/** A text of docker's or compose's that is known. */
export interface Known {
  readonly pattern: RegExp;
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly message: (match: RegExpExecArray, blame: Blame) => string;
  readonly hint: (match: RegExpExecArray, blame: Blame) => string;
}

const again = "then run heros setup again.";
const theImage = ({ image }: Blame) => (image === null ? "An image" : `The image ${image}`);
const theRegistry = ({ registry }: Blame) => registry ?? "its registry";
const login = ({ registry }: Blame) =>
  registry === null || registry === "Docker Hub" ? "docker login" : `docker login ${registry}`;

/** What docker and compose say when something is missing, most telling first: of 20.10, of 28 and 29, of Desktop and snaps. */
export const knownOutput: readonly Known[] = [
  {
    pattern:
      /'compose' is not a docker command|unknown command: docker compose|unknown shorthand flag: '\w'|unknown flag: --/i,
    code: "compose.missing",
    exitCode: exitCodes.machine,
    message: () => "Docker has no compose plugin.",
    hint: () => "Install it with: sudo apt-get install docker-compose-plugin",
  },
  {
    pattern:
      /could not select device driver|failed to discover GPU vendor from CDI|unknown or invalid runtime name: nvidia|Unknown runtime specified nvidia|unresolvable CDI devices|nvidia-container-cli: |nvidia-container-runtime(?:-hook)?": executable file not found/i,
    code: "docker.gpu_unavailable",
    exitCode: exitCodes.machine,
    message: () => "Docker can't give the GPU to containers.",
    hint: () =>
      "Run: sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
  },
  {
    pattern: /:(\d+)(?:\/tcp)?(?: failed)?: port is already allocated/i,
    code: "port.taken",
    exitCode: exitCodes.machine,
    message: ([, port], blame) =>
      `Port ${port}${ofService(port, blame)} is taken by another container.`,
    hint: ([, port], blame) =>
      `Stop that container (docker ps shows it), ${otherPort(port, blame)}`,
  },
  {
    pattern:
      /:(\d+)(?:\/tcp)?: (?:bind: )?address already in use|port is already allocated|address already in use/i,
    code: "port.taken",
    exitCode: exitCodes.machine,
    message: ([, port], blame) =>
      port === undefined
        ? "A port that the stack needs is taken."
        : `Port ${port}${ofService(port, blame)} is taken by another program.`,
    hint: ([, port], blame) =>
      `Stop that program (sudo ss -ltnp shows it), ${otherPort(port, blame)}`,
  },
  {
    pattern: /cannot assign requested address/i,
    code: "stack.address_unknown",
    exitCode: exitCodes.machine,
    message: () => "A port is to be opened at an address that this machine does not have.",
    hint: () => `Correct HER_OS_BIND in .env, or the ports of the compose file, ${again}`,
  },
  {
    pattern: /no space left on device|disk quota exceeded/i,
    code: "docker.disk_full",
    exitCode: exitCodes.disk,
    message: () => "There is no space left on the disk where Docker keeps its images.",
    hint: () => `Free some space, for example with: docker image prune — ${again}`,
  },
  {
    pattern: /exec format error|no matching manifest for/i,
    code: "docker.wrong_architecture",
    exitCode: exitCodes.machine,
    message: (_match, blame) => `${theImage(blame)} is not made for this kind of processor.`,
    hint: () => `Choose an image for this machine in the compose file, ${again}`,
  },
  {
    pattern:
      /mounts denied|path (\S+) is not shared from the host|error while creating mount source path '([^']+)'|cannot open path of the current working directory|snap-confine/i,
    code: "docker.folder_unseen",
    exitCode: exitCodes.machine,
    message: ([, shared, made]) =>
      `Docker can't see the folder ${shared ?? made ?? "of the stack"}.`,
    hint: () =>
      "Docker Desktop shares folders under Settings, Resources, File sharing. Docker from a snap sees folders in your home that aren't hidden: choose such ones with --stack-dir and --storage.",
  },
  {
    pattern: /bind source path does not exist: (\S+)/i,
    code: "stack.folder_missing",
    exitCode: exitCodes.failed,
    message: ([, folder]) => `Docker finds no folder ${folder}, which Annie needs.`,
    hint: () => "Run heros setup again: it makes the folders that Annie needs.",
  },
  {
    pattern: /error getting credentials|docker-credential-\S+": executable file not found/i,
    code: "docker.credentials",
    exitCode: exitCodes.machine,
    message: () => "Docker can't read its registry logins, so it fetches no image.",
    hint: () =>
      `Remove the line "credsStore" (or "credHelpers") from ~/.docker/config.json, ${again}`,
  },
  {
    pattern: /toomanyrequests|429 Too Many Requests|pull rate limit/i,
    code: "docker.pull_rate_limited",
    exitCode: exitCodes.network,
    message: (_match, blame) =>
      `${theImage(blame)} could not be fetched: ${theRegistry(blame)} allows no more downloads from this address for now.`,
    hint: (_match, blame) => `Log in, which raises the limit (${login(blame)}), or wait, ${again}`,
  },
  {
    pattern:
      /received unexpected HTTP status: (5\d\d)|unexpected status(?: code)?[^\n]*: (5\d\d)|\b(5\d\d) (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time)/i,
    code: "docker.registry_error",
    exitCode: exitCodes.network,
    message: ([, one, two, three], blame) =>
      `${theImage(blame)} could not be fetched: ${theRegistry(blame)} has trouble of its own (${one ?? two ?? three}).`,
    hint: () => "Run heros setup again later.",
  },
  {
    pattern: /x509: |tls: failed to verify certificate|server gave HTTP response to HTTPS client/i,
    code: "docker.pull_certificate",
    exitCode: exitCodes.network,
    message: (_match, blame) =>
      `${theImage(blame)} could not be fetched: Docker does not trust the certificate of ${theRegistry(blame)}.`,
    hint: (_match, { registry }) =>
      `Where your network has a certificate authority of its own, Docker needs its certificate as /etc/docker/certs.d/${registry === null || registry === "Docker Hub" ? "docker.io" : registry}/ca.crt, ${again}`,
  },
  {
    pattern:
      /proxyconnect|dial tcp|no such host|i\/o timeout|TLS handshake timeout|connection re(?:set|fused)|network is unreachable|no route to host|Client\.Timeout|request canceled while waiting|context deadline exceeded|unexpected EOF|: EOF$|failed to do request/i,
    code: "docker.pull_network",
    exitCode: exitCodes.network,
    message: (_match, blame) =>
      `${theImage(blame)} could not be fetched: Docker does not reach ${theRegistry(blame)}.`,
    hint: ([found]) =>
      /proxyconnect/i.test(found)
        ? `Check the proxy that Docker is set to (docker info shows it), ${again}`
        : `Check the connection, ${again}`,
  },
  {
    pattern:
      /pull access denied|unauthorized|authentication required|no basic auth credentials|403 Forbidden|(?:^|(?<!permission)[\s:])denied(?:$|[\s:])/i,
    code: "docker.pull_refused",
    exitCode: exitCodes.failed,
    message: (_match, blame) =>
      `${theImage(blame)} could not be fetched: ${theRegistry(blame)} does not allow it without a login, or does not have it.`,
    hint: (_match, blame) => `Check its name in the compose file, or log in with: ${login(blame)}`,
  },
  {
    pattern:
      /manifest unknown|manifest for \S+ not found|no such image|failed to resolve reference[^\n]*not found|name unknown/i,
    code: "docker.image_missing",
    exitCode: exitCodes.failed,
    message: (_match, blame) => `${theImage(blame)} does not exist in ${theRegistry(blame)}.`,
    hint: () => "Check its name and version in the compose file and HER_OS_VERSION in .env.",
  },
  {
    pattern: /container name "?\/?([^\s"]+)"? is already in use/i,
    code: "stack.name_taken",
    exitCode: exitCodes.failed,
    message: ([, name]) => `Another container is named ${name} already.`,
    hint: () => `Take container_name out of the compose file, or rename that container, ${again}`,
  },
  {
    pattern:
      /non-overlapping IPv4 address pool|predefined address pools have been fully subnetted|Pool overlaps with other one/i,
    code: "docker.no_network",
    exitCode: exitCodes.machine,
    message: () => "Docker has no addresses left for another network.",
    hint: () => "Remove networks that nothing uses with: docker network prune",
  },
  {
    pattern: /iptables[^\n]*(?:failed|No chain)|Unable to enable .* rule/i,
    code: "docker.firewall",
    exitCode: exitCodes.machine,
    message: () => "Docker can't set its firewall rules.",
    hint: () => "Restart Docker with: sudo systemctl restart docker",
  },
  {
    pattern: /client version \S+ is too (?:old|new)/i,
    code: "docker.version_mismatch",
    exitCode: exitCodes.machine,
    message: () => "The docker command and its engine are of versions that don't fit.",
    hint: () => "Update both with: sudo apt-get install --only-upgrade docker-ce docker-ce-cli",
  },
  {
    pattern:
      /yaml: |validating .*\.ya?ml|invalid compose project|service ".*" (?:has|refers|depends)|required variable|invalid interpolation format|additional propert/i,
    code: "stack.base_invalid",
    exitCode: exitCodes.usage,
    message: () => "Docker Compose does not accept the stack's files.",
    hint: () => "Run `docker compose config -q` in the stack's folder to see where.",
  },
];

function ofService(port: string | undefined, { serviceOfPort, annieService }: Blame): string {
  const service = serviceOfPort(Number(port));
  return service === null || service === annieService ? "" : ` of ${service}`;
}

function otherPort(port: string | undefined, { serviceOfPort, annieService }: Blame): string {
  const service = port === undefined ? null : serviceOfPort(Number(port));
  return service === null || service === annieService
    ? "or choose another port with --port."
    : `or give ${service} another port in your compose file.`;
}
