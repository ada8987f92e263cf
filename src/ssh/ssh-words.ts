import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { addressWords, type SshAddress } from "./address.ts";

const mostLines = 40;
const mostCharacters = 300;

/** Keeps a line of ssh's for the failure that may follow. @returns whether a person should see it */
export function saidBySsh(said: string[], line: string): boolean {
  const text = line.trim().slice(0, mostCharacters);
  if (text === "" || said.length >= mostLines) return false;
  said.push(text);
  return true;
}

export interface NotConnected {
  readonly address: SshAddress;
  /** There is no ssh here. */
  readonly missing: boolean;
  readonly interactive: boolean;
  readonly said: readonly string[];
}

/** Why there is no connection, by what ssh said. */
export function connectFailure({ address, missing, interactive, said }: NotConnected): Failure {
  const words = addressWords(address);
  const { host } = address;
  const all = said.join("\n");
  const last = said.at(-1) ?? null;
  if (missing) return failure("push.no_ssh");
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/u.test(all)) {
    return failure("push.host_changed", { host, words }, all);
  }
  if (/Host key verification failed/u.test(all)) {
    return failure("push.unknown_host", { host, words }, all);
  }
  if (/Permission denied|Too many authentication failures|No more authentication/iu.test(all)) {
    return failure("push.denied", { host, words, interactive }, all);
  }
  const reason = last?.replace(/^ssh: /u, "") ?? "ssh gave no reason";
  return failure("push.unreachable", { host, words, reason }, all);
}
