/** In texts of a catalog: `{name}` or `{name:argument}`. What compose fills in, `${NAME}`, is none. */
const pattern = /(?<!\$)\{([a-z][a-z-]*)(?::([\w.-]+))?\}/g;

export interface Placeholder {
  readonly name: string;
  readonly argument: string | null;
}

/** What may stand in texts, and what each wants behind its colon. `docs/catalog.md` says what they mean. */
export const placeholderNames: Readonly<Record<string, "model" | "group" | "value" | null>> = {
  startup: null,
  groups: null,
  priorities: null,
  "last-priority": null,
  models: null,
  chosen: "model",
  "chosen-group": "group",
  hub: null,
  ollama: null,
  gpus: null,
  "gpu-memory-gib": null,
  "memory-gib": null,
  "gpu-share": null,
  value: "value",
};

export function placeholdersIn(text: string): Placeholder[] {
  return [...text.matchAll(pattern)].map(([, name = "", argument = null]) => ({ name, argument }));
}

/** What was meant to be one, as by its name, and is none: `{GPUS}`, `{value:}`. */
export function brokenPlaceholdersIn(text: string): string[] {
  return [...text.matchAll(/(?<!\$)\{([a-z][a-z-]*)(?::[^{}]*)?\}/gi)].flatMap(([all, name = ""]) =>
    Object.hasOwn(placeholderNames, name.toLowerCase()) && placeholdersIn(all).length === 0
      ? [all]
      : [],
  );
}

/** @param value of each; checked before: there is one */
export function fillPlaceholders(
  text: string,
  value: (placeholder: Placeholder) => string,
): string {
  return text.replaceAll(pattern, (_all, name: string, argument?: string) =>
    value({ name, argument: argument ?? null }),
  );
}
