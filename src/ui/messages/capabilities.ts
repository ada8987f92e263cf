import { plainName } from "../../run/assistant.ts";
import type { RunState } from "../../run/state/state.ts";

/** A capability in words, as the stack's catalog has them; with spaces where it has none. */
export function capabilityTitleIn({ stack }: Pick<RunState, "stack">, name: string): string {
  const words = stack?.capabilities ?? {};
  const title = Object.hasOwn(words, name) ? words[name]?.title : undefined;
  return title ?? plainName(name);
}
