import { inspect } from "node:util";

/** A token that can't slip into a log, an event or a file by accident: only `reveal` gives it. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  /** Whether the other holds the same. */
  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}

/** Who somebody is to a registry of images, as `docker login` keeps it. */
export type RegistryLogin =
  | { readonly kind: "password"; readonly username: string; readonly password: Secret }
  /** Given out by the registry's token service in the place of a password. */
  | { readonly kind: "identity-token"; readonly token: Secret };

/** What is kept of one registry's login. */
export interface FoundLogin {
  readonly login: RegistryLogin | null;
  /** Why one that is kept can't be had: "docker-credential-pass is not installed". */
  readonly problem: string | null;
}
