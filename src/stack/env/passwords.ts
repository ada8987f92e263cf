import { randomBytes } from "node:crypto";
import { type Reference, substitute, SubstitutionError } from "./substitute.ts";

const passwords = ["POSTGRES_PASSWORD", "NEO4J_PASSWORD"];

export interface PasswordsRequest {
  /** Every value in the compose files, as it is written. */
  readonly texts: readonly string[];
  /** What compose fills in, from the shell and its `.env` files. */
  readonly lookup: (name: string) => string | undefined;
}

/**
 * New passwords for the databases that have none. One is needed where the compose files require it, or name it without
 * anything in its place, and it is not set. A default is a password in use: a database made with it takes no other.
 */
export function newPasswords({ texts, lookup }: PasswordsRequest): Record<string, string> {
  const required = new Set<string>();
  const plain = new Set<string>();
  const stoodIn = new Set<string>();
  const onReference = ({ name, kind, isSet }: Reference) => {
    if (kind === "default" || kind === "alternative") stoodIn.add(name);
    else if (!isSet) (kind === "required" ? required : plain).add(name);
  };
  for (const text of texts) {
    try {
      substitute(text, { lookup, onReference });
    } catch (error) {
      // What compose does not take it tells by itself.
      if (!(error instanceof SubstitutionError)) throw error;
    }
  }
  const needed = passwords.filter(
    (name) => required.has(name) || (plain.has(name) && !stoodIn.has(name)),
  );
  return Object.fromEntries(needed.map((name) => [name, randomBytes(24).toString("hex")]));
}
