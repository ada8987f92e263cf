import { plainName, withName } from "../run/assistant.ts";
import type { StackChosen } from "../run/events/stack.ts";
import type { Catalog } from "./catalog.ts";
import type { Capability } from "./stack.ts";

/** What a catalog says of a capability; null where it says nothing. */
export function wordsOf({ stack }: Pick<Catalog, "stack">, name: string): Capability | null {
  return Object.hasOwn(stack.capabilities, name) ? (stack.capabilities[name] ?? null) : null;
}

/** `memory_recall` in words. One that the catalog has no words for is shown with spaces. */
export function capabilityTitle(catalog: Pick<Catalog, "stack">, name: string): string {
  return wordsOf(catalog, name)?.title ?? plainName(name);
}

/** What a new capability means, as a sentence. */
export function capabilitySentence(catalog: Pick<Catalog, "stack">, name: string): string {
  const { assistant } = catalog.stack;
  return (
    wordsOf(catalog, name)?.sentence ??
    withName(`{assistant} has a new ability: ${plainName(name)}.`, assistant)
  );
}

/** What is told of a stack before anything else is: what it is called, and what it can do, in words. */
export function stackChosen({ stack }: Pick<Catalog, "stack">): StackChosen {
  const { id, title, assistant } = stack;
  const capabilities = Object.fromEntries(
    Object.entries(stack.capabilities).map(([name, words]) => [
      name,
      { title: words.title, ...(words.nightly ? { nightly: true as const } : {}) },
    ]),
  );
  return { type: "stack.chosen", stack: id, title, assistant, capabilities };
}
