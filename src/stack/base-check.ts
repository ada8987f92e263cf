import { isMap, parseDocument, type YAMLMap } from "yaml";
import { exitCodes, Failure } from "../progress/failure.ts";

/** Annie's own service; the one that heros adds to. */
export const annieService = "her-os-core";

export interface ComposeText {
  readonly path: string;
  readonly text: string;
}

export interface OwnStack {
  /** Services of all files, in order. */
  readonly services: readonly string[];
  /** True where the user's files hand Annie a GPU already: a second reservation would be added, not merged. */
  readonly reservesGpu: boolean;
}

/**
 * Looks whether the user's compose files can be built upon.
 * @throws Failure `stack.base_invalid` (exit 2) where one is not YAML, or none has Annie's service
 */
export function checkOwnStack(files: readonly ComposeText[]): OwnStack {
  const services = new Set<string>();
  let reservesGpu = false;
  let includes = false;
  for (const file of files) {
    const root = readRoot(file);
    includes ||= root.has("include");
    const found = root.get("services");
    if (!isMap(found)) continue;
    for (const name of Object.keys(found.toJSON() as object)) services.add(name);
    const annie = found.get(annieService);
    if (isMap(annie)) reservesGpu ||= hasGpu(annie);
  }
  if (!services.has(annieService) && !includes) {
    const names = files.map((file) => file.path).join(", ");
    throw invalid(
      `${names} has no service named ${annieService}`,
      `heros adds to the service ${annieService}. Name it so, or choose another folder with --stack-dir.`,
    );
  }
  return { services: [...services], reservesGpu };
}

function readRoot({ path, text }: ComposeText): YAMLMap {
  const document = parseDocument(text, { merge: true, logLevel: "silent" });
  const error = document.errors[0];
  if (error !== undefined) {
    const [summary = ""] = error.message.split("\n");
    throw invalid(
      `${path} is not valid YAML: ${summary.replace(/:$/, "")}`,
      "Mend the file; `docker compose config -q` in its folder checks it.",
      error,
    );
  }
  if (!isMap(document.contents)) {
    throw invalid(
      `${path} is not a compose file: it has no services`,
      "Mend the file, or move it away: heros writes a new one where there is none.",
    );
  }
  return document.contents;
}

function hasGpu(service: YAMLMap): boolean {
  return (
    service.hasIn(["deploy", "resources", "reservations", "devices"]) ||
    service.has("gpus") ||
    service.get("runtime") === "nvidia"
  );
}

function invalid(problem: string, hint: string, cause?: unknown): Failure {
  return new Failure({
    code: "stack.base_invalid",
    message: `${problem}.`,
    hint,
    exitCode: exitCodes.usage,
    cause,
  });
}
