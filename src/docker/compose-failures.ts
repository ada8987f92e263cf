import { z } from "zod";
import type { StackConfig } from "./compose.ts";
import type { Failure } from "../run/failure.ts";
import type { StackAction } from "../run/failures/stack.ts";
import { failure, type FailureCode } from "../run/failures/table.ts";
import { type EnginePlace, engineProblem, readEngineError } from "./engine.ts";
import { parseJson } from "../run/json.ts";

export interface ComposeFailureDetails {
  /** What compose said on stderr, JSON progress lines among it. */
  readonly stderr: string;
  /** Null where compose could not be started, or was killed. */
  readonly exitCode: number | null;
  /** No `docker` on the PATH. */
  readonly missing: boolean;
  readonly stackDir: string;
  /** What it was asked to do; left out, to start the stack. */
  readonly action?: StackAction;
  /** Which engine docker talks to; null where nobody asked. */
  readonly place?: EnginePlace | null;
  /** The stack as compose merges it; null where it can't be. */
  readonly config?: StackConfig | null;
  /** The service whose port heros itself chooses. */
  readonly ownService?: string;
  /** What was pulled, where it was one image alone: not every engine names it. */
  readonly image?: string;
}

/** Why `docker compose` ended badly, in words, with compose's own as the cause. */
export function composeFailure(details: ComposeFailureDetails): Failure {
  const { stderr, exitCode, missing, stackDir, place = null, config = null } = details;
  const { ownService = null } = details;
  if (missing) return failure("docker.missing");
  const said = spokenLines(stderr);
  const lines = said.map(({ words }) => words);
  const engineError = readEngineError(lines.join("\n"));
  const recognised = knownOutput.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  const reason = lines.find((line) => recognised?.pattern.test(line)) ?? lastReason(lines);
  const words = redactComposeOutput(reason.replace(/^Error response from daemon: /, ""));
  const cause = new Error(`docker compose ended with ${exitCode ?? "no status"}: ${words}`);
  if (engineError !== null) return engineProblem(engineError, place, { cause }).failure;
  const match = recognised?.pattern.exec(reason);
  if (recognised !== undefined && match !== null && match !== undefined) {
    const image = blamedImage(said, config) ?? details.image ?? null;
    const serviceOfPort = (port: number) => {
      const service = config?.serviceOfPort.get(port) ?? null;
      return service === ownService ? null : service;
    };
    const registry = registryOf(image) ?? namedRegistry(reason);
    const neverPulled = image !== null && isNeverPulled(image, config);
    const known = { image, registry, said: words, serviceOfPort, neverPulled, stackDir };
    return recognised.fails(known, cause, match);
  }
  const { action } = details;
  const asked = { stackDir, said: words, ...(action === undefined ? {} : { action }) };
  return failure("stack.compose_failed", asked, cause);
}

/** A line of compose's: of a file of variables that is wrong it quotes the line, which may be a secret's. */
export function redactComposeOutput(line: string): string {
  return line
    .replace(/\b(in variable name|unterminated quoted value) .*$/, "$1 [hidden]")
    .slice(0, 400);
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

function isNeverPulled(image: string, config: StackConfig | null): boolean {
  const users = Object.values(config?.services ?? {}).filter((each) => each.image === image);
  return users.length > 0 && users.every(({ pull_policy }) => pull_policy === "never");
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
function lastReason(lines: readonly string[]): string {
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

/** What is known of a start that failed. */
interface Known {
  /** The image that could not be had, as the compose file names it. */
  readonly image: string | null;
  /** Where it lives: `ghcr.io`, `Docker Hub`. */
  readonly registry: string | null;
  /** Docker's own words. */
  readonly said: string;
  /** By what the compose file says of all services that run it. */
  readonly neverPulled: boolean;
  /** Which service publishes this port of the machine; null where it is the one whose port heros chooses. */
  readonly serviceOfPort: (port: number) => string | null;
  readonly stackDir: string;
}

/** A text of docker's or compose's that is known, and the failure that it stands for. */
interface KnownOutput {
  readonly code: FailureCode;
  readonly pattern: RegExp;
  readonly fails: (known: Known, cause: unknown, match: RegExpExecArray) => Failure;
}

/** What docker and compose say when something is missing, the most specific first: of 20.10, of 28 and 29, of Desktop and snaps. */
export const knownOutput: readonly KnownOutput[] = [
  {
    code: "compose.missing",
    pattern:
      /'compose' is not a docker command|unknown command: docker compose|unknown shorthand flag: '\w'|unknown flag: --/i,
    fails: ({ said }, cause) => failure("compose.missing", { said }, cause),
  },
  {
    code: "docker.gpu_unavailable",
    pattern:
      /could not select device driver|failed to discover GPU vendor from CDI|unknown or invalid runtime name: nvidia|Unknown runtime specified nvidia|unresolvable CDI devices|adding custom device "(?:nvidia\.com\/|\/dev\/nvidia)|nvidia-container-cli: |nvidia-container-runtime(?:-hook)?": executable file not found/i,
    fails: ({ said }, cause) => failure("docker.gpu_unavailable", { said }, cause),
  },
  {
    code: "port.taken",
    pattern: /:(\d+)(?:\/tcp)?(?: failed)?: port is already allocated/i,
    fails: ({ said, serviceOfPort }, cause, [, port]) =>
      failure(
        "port.taken",
        { from: "docker", by: "container", ...takenPort(port, serviceOfPort), said },
        cause,
      ),
  },
  {
    code: "port.taken",
    pattern:
      /:(\d+)(?:\/tcp)?: (?:bind: )?address already in use|port is already allocated|address already in use/i,
    fails: ({ said, serviceOfPort }, cause, [, port]) =>
      failure(
        "port.taken",
        { from: "docker", by: "program", ...takenPort(port, serviceOfPort), said },
        cause,
      ),
  },
  {
    code: "stack.address_unknown",
    pattern: /cannot assign requested address/i,
    fails: ({ said }, cause) => failure("stack.address_unknown", { said }, cause),
  },
  {
    code: "docker.disk_full",
    pattern: /no space left on device|disk quota exceeded/i,
    fails: ({ said }, cause) => failure("docker.disk_full", { said }, cause),
  },
  {
    code: "docker.image_refused",
    pattern:
      /max depth exceeded|archive\/tar: (?:invalid tar header|header field too long)|layers from manifest don't match image configuration|mismatched image rootfs and manifest layers|wrong diff id calculated|unsupported media ?type|Encountered remote "[^"]*"\(unknown\) when fetching/i,
    fails: ({ image, registry, said }, cause) =>
      failure("docker.image_refused", { image, registry, said }, cause),
  },
  {
    code: "docker.wrong_architecture",
    pattern: /exec format error|no matching manifest for/i,
    fails: ({ image, registry, said }, cause) =>
      failure("docker.wrong_architecture", { image, registry, said }, cause),
  },
  {
    code: "docker.folder_unseen",
    pattern:
      /mounts denied|path (\S+) is not shared from the host|error while creating mount source path '([^']+)'|cannot open path of the current working directory|snap-confine/i,
    fails: ({ said }, cause, [, shared, made]) =>
      failure("docker.folder_unseen", { folder: shared ?? made ?? null, said }, cause),
  },
  {
    code: "stack.folder_missing",
    pattern: /bind source path does not exist: (\S+)/i,
    fails: ({ said }, cause, [, folder = null]) =>
      failure("stack.folder_missing", { needs: "service", folder, said }, cause),
  },
  {
    code: "docker.credentials",
    pattern: /error getting credentials|docker-credential-\S+": executable file not found/i,
    fails: ({ said }, cause) => failure("docker.credentials", { said }, cause),
  },
  {
    code: "docker.pull_rate_limited",
    pattern: /toomanyrequests|429 Too Many Requests|pull rate limit/i,
    fails: ({ image, registry, said }, cause) =>
      failure("docker.pull_rate_limited", { image, registry, said }, cause),
  },
  {
    code: "docker.registry_error",
    pattern:
      /received unexpected HTTP status: (5\d\d)|unexpected status(?: code)?[^\n]*: (5\d\d)|\b(5\d\d) (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time)/i,
    fails: ({ image, registry, said }, cause, [, one, two, three]) => {
      const status = one ?? two ?? three ?? "";
      return failure("docker.registry_error", { image, registry, status, said }, cause);
    },
  },
  {
    code: "docker.pull_certificate",
    pattern: /x509: |tls: failed to verify certificate|server gave HTTP response to HTTPS client/i,
    fails: ({ image, registry, said }, cause) =>
      failure("docker.pull_certificate", { image, registry, said }, cause),
  },
  {
    code: "docker.pull_network",
    pattern:
      /proxyconnect|dial tcp|no such host|i\/o timeout|TLS handshake timeout|connection re(?:set|fused)|network is unreachable|no route to host|Client\.Timeout|request canceled while waiting|context deadline exceeded|unexpected EOF|: EOF$|failed to do request/i,
    fails: ({ image, registry, said }, cause, [found]) => {
      const proxy = /proxyconnect/i.test(found);
      return failure(
        "docker.pull_network",
        { how: "unreachable", image, registry, proxy, said },
        cause,
      );
    },
  },
  {
    code: "docker.pull_refused",
    pattern:
      /pull access denied|unauthorized|authentication required|no basic auth credentials|403 Forbidden|(?:^|(?<!permission)[\s:])denied(?:$|[\s:])/i,
    fails: ({ image, registry, said }, cause) =>
      failure("docker.pull_refused", { image, registry, said }, cause),
  },
  {
    code: "docker.image_missing",
    pattern:
      /manifest unknown|manifest for \S+ not found|no such image|failed to resolve reference[^\n]*not found|name unknown/i,
    fails: ({ image, registry, said, neverPulled }, cause) =>
      failure("docker.image_missing", { image, registry, said, neverPulled }, cause),
  },
  {
    code: "stack.name_taken",
    pattern: /container name "?\/?([^\s"]+)"? is already in use/i,
    fails: ({ said }, cause, [, name = ""]) => failure("stack.name_taken", { name, said }, cause),
  },
  {
    code: "annie.held_back",
    pattern: /service "([^"]+)" didn't complete successfully: exit (\d+)/,
    fails: ({ stackDir }, cause, [, service = "", status]) => {
      const exitCode = Number(status);
      return failure("annie.held_back", { stackDir, service, exitCode, logLines: null }, cause);
    },
  },
  {
    code: "docker.no_network",
    pattern:
      /non-overlapping IPv4 address pool|predefined address pools have been fully subnetted|Pool overlaps with other one/i,
    fails: ({ said }, cause) => failure("docker.no_network", { said }, cause),
  },
  {
    code: "docker.firewall",
    pattern: /iptables[^\n]*(?:failed|No chain)|Unable to enable .* rule/i,
    fails: ({ said }, cause) => failure("docker.firewall", { said }, cause),
  },
  {
    code: "docker.version_mismatch",
    pattern: /client version \S+ is too (?:old|new)/i,
    fails: ({ said }, cause) => failure("docker.version_mismatch", { said }, cause),
  },
  {
    code: "stack.base_invalid",
    pattern:
      /yaml: |validating .*\.ya?ml|invalid compose project|service ".*" (?:has|refers|depends)|required variable|invalid interpolation format|additional propert/i,
    fails: ({ said }, cause) => failure("stack.base_invalid", { said }, cause),
  },
];

function takenPort(port: string | undefined, serviceOfPort: Known["serviceOfPort"]) {
  return { port: port ?? null, service: port === undefined ? null : serviceOfPort(Number(port)) };
}
