import { parse } from "yaml";
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
    includes ||= root["include"] !== undefined;
    const found = root["services"];
    if (!isMap(found)) continue;
    for (const name of Object.keys(found)) services.add(name);
    reservesGpu ||= hasGpu(found[annieService]);
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

type YamlMap = Readonly<Record<string, unknown>>;

function isMap(value: unknown): value is YamlMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readRoot({ path, text }: ComposeText): YamlMap {
  let root: unknown;
  try {
    // Compose's own tags (!reset, !override) are unknown here, and no error.
    root = parse(text, { merge: true, logLevel: "error" });
  } catch (error) {
    const [summary = ""] = error instanceof Error ? error.message.split("\n") : [];
    throw invalid(
      `${path} is not valid YAML: ${summary.replace(/:$/, "")}`,
      "Mend the file; `docker compose config -q` in its folder checks it.",
      error,
    );
  }
  if (isMap(root)) return root;
  throw invalid(
    `${path} is not a compose file: it has no services`,
    "Mend the file, or move it away: heros writes a new one where there is none.",
  );
}

function hasGpu(service: unknown): boolean {
  if (!isMap(service)) return false;
  const devices = ["deploy", "resources", "reservations", "devices"].reduce<unknown>(
    (value, key) => (isMap(value) ? value[key] : undefined),
    service,
  );
  return devices !== undefined || service["gpus"] !== undefined || service["runtime"] === "nvidia";
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
