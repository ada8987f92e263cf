import path from "node:path";
import type { Host } from "../../host/host.ts";
import { folderOfVariable } from "../../host/places.ts";
import { failure } from "../../run/failures/table.ts";

const variable = "OLLAMA_MODELS";

/** The folder that `ollama` reads models from: `$OLLAMA_MODELS`, else the one in the home folder. */
export function findOllamaModels(host: Pick<Host, "env" | "home">): string {
  return folderOfVariable(host, variable, ".ollama/models");
}

/**
 * Before anything is read or written there: a relative folder is another one for `ollama`, which begins where it was started.
 * @param modelsDir where Ollama's models are in this run; the variable matters only where it decides
 * @throws Failure `settings.bad_value` (exit 2)
 */
export function requireOllamaFolder(host: Pick<Host, "env" | "home">, modelsDir: string): void {
  const value = host.env[variable] ?? "";
  if (value === "" || path.isAbsolute(value) || modelsDir !== findOllamaModels(host)) return;
  const right = `an absolute path, such as ${path.resolve(value)}`;
  throw failure("settings.bad_value", { name: variable, value, right });
}
