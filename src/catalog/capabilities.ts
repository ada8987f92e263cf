import type { Catalog } from "./catalog.ts";
import type { Capability } from "./stack.ts";

function wordsOf({ stack }: Pick<Catalog, "stack">, name: string): Capability | null {
  return Object.hasOwn(stack.capabilities, name) ? (stack.capabilities[name] ?? null) : null;
}

/** `voice_stt` in words. One that the catalog has no words for is shown with spaces. */
export function capabilityTitle(catalog: Pick<Catalog, "stack">, name: string): string {
  return wordsOf(catalog, name)?.title ?? name.replaceAll(/[_-]+/g, " ");
}

/** What a new capability means, as a sentence. */
export function capabilitySentence(catalog: Pick<Catalog, "stack">, name: string): string {
  const { assistant } = catalog.stack;
  return (
    wordsOf(catalog, name)?.sentence ??
    `${assistant} has a new ability: ${name.replaceAll(/[_-]+/g, " ")}.`
  );
}
