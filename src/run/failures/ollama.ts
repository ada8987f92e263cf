import { exitCodes, row } from "../failure.ts";

interface OfModel {
  /** As `ollama list` shows it: "llava:7b". */
  readonly model: string;
}

interface AtRegistry {
  readonly registry: string;
}

const continues = "it continues where it stopped.";

/** Models of Ollama's registry, and of others that speak like it. */
export const ollamaFailures = {
  "ollama.bad_name": row<{ readonly name: string; readonly problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ name, problem }) =>
      `${JSON.stringify(name)} is not a valid name of an Ollama model: ${problem}.`,
    hint: () => "Name it as ollama does, for example ollama:llava:7b or ollama:OWNER/MODEL:TAG.",
  }),
  /** `lacks`: whether only its tag is missing there, or all of it. */
  "ollama.not_found": row<OfModel & AtRegistry & { readonly lacks: "tag" | "repository" }>({
    exitCode: exitCodes.usage,
    message: ({ model, registry, lacks }) =>
      lacks === "tag"
        ? `${registry} has no model ${model}: the model has no such tag.`
        : `${registry} has no model ${model}, or it is private.`,
    hint: ({ registry }) =>
      registry === "registry.ollama.ai"
        ? "Check the name and the tag at https://ollama.com/library"
        : "Check the name and the tag.",
  }),
  /** `said`: the registry's own words; null where they say no more. */
  "ollama.denied": row<OfModel & AtRegistry & { readonly said: string | null }>({
    exitCode: exitCodes.usage,
    message: ({ model, registry, said }) =>
      `${registry} refuses ${model}: it does not exist, or it is private.${said === null ? "" : ` ${registry} says: ${said}`}`,
    hint: () =>
      "Check the name. heros downloads only public models: for a private one, use ollama pull.",
  }),
  "ollama.unusable": row<OfModel & { readonly problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ model, problem }) => `${model} can't be used as an Ollama model: ${problem}.`,
    hint: () => "Choose another model or tag.",
  }),
  "ollama.damaged": row<
    OfModel & AtRegistry & { readonly expected: string; readonly found: string }
  >({
    exitCode: exitCodes.hash,
    message: ({ model, registry, expected, found }) =>
      `The manifest of ${model} from ${registry} does not match its digest: expected ${expected}, got ${found}.`,
    hint: () =>
      "Run heros again. If it happens again, the registry's copy is damaged, or a proxy changes it.",
  }),
  "ollama.incomplete": row<OfModel & AtRegistry & { readonly digest: string }>({
    exitCode: exitCodes.network,
    message: ({ model, registry, digest }) =>
      `${registry} has lost a part of ${model}: there is no ${digest}.`,
    hint: () => `Run heros again later: ${continues} Or choose another tag.`,
  }),
};
