/** An address's kind, or what a name of a model begins with. */
const scheme = /^(?:[a-z][a-z\d+.-]*:\/\/|ollama:)/iu;

/**
 * A name or an address as it may be shown: without the user and the password that somebody wrote in it, whatever characters those
 * have. `OWNER/REPO@REVISION` and `…@sha256:…` stay as they are.
 */
export function withoutLogin(text: string): string {
  const start = scheme.exec(text)?.[0] ?? "";
  const rest = text.slice(start.length);
  const [, login, after = ""] = /^(.*)@(.*)$/su.exec(rest) ?? [];
  if (login === undefined || (start === "" && !login.includes(":"))) return text;
  const isDigest = after.startsWith("sha256:") && !login.includes("@");
  return isDigest ? text : `${start}…@${after}`;
}
