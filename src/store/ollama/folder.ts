import type { Host } from "../../host/host.ts";
import { folderOfVariable } from "../../host/places.ts";

/** The folder that `ollama` reads models from: `$OLLAMA_MODELS`, else the one in the home folder. */
export function findOllamaModels(host: Pick<Host, "env" | "home">): string {
  return folderOfVariable(host, "OLLAMA_MODELS", ".ollama/models");
}
