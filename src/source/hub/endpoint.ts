import { isLoopback } from "../../host/network.ts";
import { exitCodes, Failure } from "../../run/failure.ts";

/**
 * The address of a Hub as it is used: with a scheme, without a slash at its end. One without a scheme is of https, or of http
 * on this machine. @param source what a person would change: "--endpoint", "HF_ENDPOINT"
 * @throws Failure `settings.bad_value` (exit 2), which never shows a password
 */
export function parseEndpoint(source: string, text: string): string {
  const given = text.trim();
  const url = given.includes("://") ? URL.parse(given) : withScheme(given);
  const refuse = (problem: string): Failure =>
    new Failure({
      code: "settings.bad_value",
      message: `${source} ${problem}.`,
      hint: `Set ${source} to an address such as https://huggingface.co`,
      exitCode: exitCodes.usage,
    });
  if (given.includes("@")) {
    throw refuse("holds a user's name or password, which heros does not send to a Hub");
  }
  if (url === null || !/^https?:$/u.test(url.protocol)) {
    throw refuse(`is not the address of a Hub: ${JSON.stringify(text)}`);
  }
  if (url.search !== "" || url.hash !== "") throw refuse("must end before ? and #");
  return url.href.replace(/\/+$/u, "");
}

/**
 * Addresses of Hubs with commas between them, in order of preference, each once.
 * @throws Failure `settings.bad_value` (exit 2)
 */
export function parseEndpoints(source: string, text: string): readonly [string, ...string[]] {
  const [first = "", ...rest] = text.split(",").map((part) => parseEndpoint(source, part));
  return [first, ...new Set(rest.filter((other) => other !== first))];
}

/** As people write it: a name with a dot or a port. */
function withScheme(text: string): URL | null {
  const { name } =
    /^(?<name>[\w-]+(?:\.[\w-]+)*|\[[\da-f:]+\])(?::\d+)?(?:\/|$)/iu.exec(text)?.groups ?? {};
  if (name === undefined) return null;
  if (isLoopback(name.toLowerCase())) return URL.parse(`http://${text}`);
  return /[.:]/u.test(text) ? URL.parse(`https://${text}`) : null;
}
