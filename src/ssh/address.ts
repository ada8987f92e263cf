import { withoutLogin } from "../run/login.ts";
import { failure } from "../run/failures/table.ts";

/** Another machine, as a person names it for ssh. */
export interface SshAddress {
  /** As it was typed. */
  readonly typed: string;
  /** A name, an address, or an alias of ssh's own configuration. */
  readonly host: string;
  /** Null where ssh's configuration decides. */
  readonly user: string | null;
  readonly port: number | null;
}

/** Nothing that a shell or ssh itself takes for more than a name: ssh puts both into commands of its configuration. */
const hostName = /^[\p{L}\p{N}_][\p{L}\p{N}_.:%+-]*$/u;
const userName = /^[\p{L}\p{N}_][\p{L}\p{N}_.+@\\~-]*$/u;

/**
 * Reads `HOST`, `USER@HOST`, `USER@HOST:PORT` and `ssh://USER@HOST:PORT`; an IPv6 address with a port stands in brackets.
 * @throws Failure `push.bad_address` (exit 2)
 */
export function parseSshAddress(typed: string): SshAddress {
  const wrong = (problem: string) =>
    failure("push.bad_address", { address: withoutLogin(typed), problem });
  const isUrl = typed.startsWith("ssh://");
  const rest = isUrl ? typed.slice("ssh://".length).replace(/\/$/u, "") : typed;
  if (rest.includes("/")) throw wrong("it names a folder");
  const at = rest.lastIndexOf("@");
  const user = at === -1 ? null : rest.slice(0, at);
  const place = rest.slice(at + 1);
  const { inBrackets, plain, digits } =
    /^(?:\[(?<inBrackets>[^\]]*)\]|(?<plain>[^:]*))(?::(?<digits>[^:]*))?$/u.exec(place)?.groups ??
    {};
  // More than one colon, and no brackets: an IPv6 address alone.
  const host = inBrackets ?? plain ?? place;
  if (user?.includes(":") === true) throw wrong("it has a password, which ssh asks for itself");
  if (host === "") throw wrong("it names no machine");
  if (!hostName.test(host) && !/^[\da-fA-F:]+(?:%\w+)?$/u.test(host)) {
    throw wrong(`"${host}" is not the name of a machine`);
  }
  if (user !== null && !userName.test(user)) throw wrong(`"${user}" is not the name of a user`);
  const port =
    digits === undefined ? null : Number(/^\d{1,5}$/u.test(digits) ? digits : Number.NaN);
  if (port !== null && !(port >= 1 && port <= 65_535)) {
    throw wrong(`"${digits}" is not a port`);
  }
  return { typed, host, user, port };
}

/** The address as arguments of ssh; what follows is a command. */
export function addressArguments({ host, user, port }: Omit<SshAddress, "typed">): string[] {
  return [
    ...(port === null ? [] : ["-p", String(port)]),
    ...(user === null ? [] : ["-l", user]),
    "--",
    host,
  ];
}

/** The same as a person types it. */
export function addressWords(address: SshAddress): string {
  const { host, user, port } = address;
  const name = user === null ? host : `${user}@${host}`;
  return port === null ? name : `-p ${port} ${name}`;
}
