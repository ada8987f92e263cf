import { z } from "zod";
import type { EnginePlace } from "../docker/engine-place.ts";
import { engineFailure, engineProblem, readEngineTrouble } from "../docker/engine-problem.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { inFolder } from "../progress/shell.ts";
import { annieService } from "./base-check.ts";
import { type Blame, knownWords } from "./compose-words.ts";
import { redactComposeWords } from "./redact.ts";
import type { StackConfig } from "./stack-config.ts";

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
    return new Failure({
      code: "docker.missing",
      message: "Docker is not installed.",
      hint: "Install it with: curl -fsSL https://get.docker.com | sudo sh",
      exitCode: exitCodes.machine,
    });
  }
  const said = spokenLines(stderr);
  const lines = said.map(({ words }) => words);
  const trouble = readEngineTrouble(lines.join("\n"));
  const recognised = knownWords.find(({ pattern }) => lines.some((line) => pattern.test(line)));
  const telling = lines.find((line) => recognised?.pattern.test(line)) ?? lastTelling(lines);
  const words = redactComposeWords(telling.replace(/^Error response from daemon: /, ""));
  const cause = new Error(`docker compose ended with ${exitCode ?? "no status"}: ${words}`);
  if (trouble !== null) return engineFailure(engineProblem(trouble, place), cause);
  const match = recognised?.pattern.exec(telling);
  if (recognised !== undefined && match !== null && match !== undefined) {
    const image = blamedImage(said, config);
    const blame: Blame = {
      image,
      registry: registryOf(image) ?? namedRegistry(telling),
      serviceOfPort: (port) => config?.serviceOfPort.get(port) ?? null,
      annieService,
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
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return [{ of: null, words: line }];
  }
  const error = errorLine.safeParse(json).data;
  if (error !== undefined) {
    return error.message.split("\n").map((words) => ({ of: null, words: words.trim() }));
  }
  const progress = progressLine.safeParse(json).data;
  if (progress?.text !== "Error") return [];
  const reason = progress.details ?? (progress.status === "Error" ? "" : (progress.status ?? ""));
  return [{ of: progress.id, words: reason }];
}
