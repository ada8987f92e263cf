import type { Host } from "../../host/host.ts";
import { failure } from "../../run/failures/table.ts";
import { Secret } from "../../run/secret.ts";
import { readNamed } from "../open-catalog.ts";

/** Shorter ones could be guessed. */
const leastLength = 16;
const mostTokens = 1000;

/**
 * The tokens of a server: one on each line of a file that nobody else can read; lines that begin with # are notes.
 * @throws Failure `serve.open_secret`, `serve.bad_tokens`, `token.…` (2)
 */
export async function readServerTokens(host: Host, file: string): Promise<readonly Secret[]> {
  await requireSecret(host, file);
  const text = await readNamed(host, "token", file);
  const lines = text.split("\n").map((line) => line.trim());
  const tokens = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const refuse = (problem: string) => failure("serve.bad_tokens", { file, problem });
  if (tokens.length === 0) throw refuse("it is empty");
  if (tokens.length > mostTokens) throw refuse(`it has more than ${mostTokens}`);
  const short = lines.findIndex((line) => tokens.includes(line) && line.length < leastLength);
  if (short >= 0) throw refuse(`line ${short + 1} is shorter than ${leastLength} characters`);
  const strange = lines.findIndex((line) => tokens.includes(line) && !/^[\x21-\x7e]+$/u.test(line));
  if (strange >= 0) throw refuse(`line ${strange + 1} has characters that no token has`);
  return tokens.map((token) => new Secret(token));
}

/** What a shell opened for `<(…)` is nobody else's. @throws Failure `serve.open_secret` (2) */
export async function requireSecret({ files }: Pick<Host, "files">, file: string): Promise<void> {
  const found = await files.stat(file).catch(() => null);
  if (found === null || !found.isFile()) return;
  const open = found.mode & 0o077;
  if (open !== 0) {
    throw failure("serve.open_secret", { file, mode: (found.mode & 0o777).toString(8) });
  }
}
