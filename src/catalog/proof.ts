import type { WrongKey } from "./checked-yaml.ts";
import type { WrittenProof } from "./shapes.ts";
import type { CatalogProof } from "./stack.ts";

const maxBodyLength = 10_000;

/** @param at where it stands in the file */
export function wrongProof(
  proof: WrittenProof | undefined,
  capabilities: ReadonlySet<string | null>,
  at: readonly string[],
): WrongKey[] {
  if (proof === undefined) return [];
  const { capability, request } = proof;
  const { method, body } = request;
  const wrong: WrongKey[] = [];
  if (capability !== null && !capabilities.has(capability)) {
    wrong.push({
      path: [...at, "capability"],
      problem: `no model has the capability "${capability}"`,
    });
  }
  const path = [...at, "request", "body"];
  if (body !== undefined && method === "GET") {
    wrong.push({ path, problem: "a GET has no body: use POST" });
  }
  const length = lengthAsJson(body ?? null);
  if (length === null || length > maxBodyLength) {
    const problem =
      length === null
        ? "can't be written as JSON: it contains itself"
        : `must not be longer than ${maxBodyLength} characters as JSON`;
    wrong.push({ path, problem });
  }
  return wrong;
}

/** Null for what YAML can say and JSON can't: an anchor within itself. */
function lengthAsJson(value: unknown): number | null {
  try {
    return JSON.stringify(value).length;
  } catch {
    return null;
  }
}

export function toProof({ capability, request, answer }: WrittenProof): CatalogProof {
  const { method, path, body = null } = request;
  return { capability, method, path, body, answer: answer.path.split(".") };
}
