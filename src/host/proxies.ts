import net from "node:net";

type Env = Readonly<Record<string, string | undefined>>;

export interface Proxies {
  /** As Node's agents take them: without NO_PROXY, which `isProxied` has judged. */
  readonly env: Env;
  /** Whether requests to this address go through a proxy. @throws Error `ERR_PROXY_INVALID_CONFIG` where nobody can go through it */
  isProxied(url: URL): boolean;
}

/**
 * The proxies of the environment, as curl reads them: small letters before capitals, ALL_PROXY for what has none of its own,
 * and an address without a scheme means http. Node passes over those that it does not know, which is not what was asked for.
 */
export function readProxies(env: Env): Proxies {
  const found = { http: findProxy(env, "http"), https: findProxy(env, "https") };
  const isExempt = readNoProxy(env["no_proxy"] ?? env["NO_PROXY"] ?? "");
  const rest = Object.entries(env).filter(
    ([name]) => !/^(?:http|https|all|no)_proxy$/iu.test(name),
  );
  const own = Object.entries(found).flatMap(([kind, proxy]) =>
    proxy === null || proxy.address === null ? [] : [[`${kind}_proxy`, proxy.address] as const],
  );
  return {
    env: Object.fromEntries([...rest, ...own]),
    isProxied(url) {
      const proxy = found[url.protocol === "https:" ? "https" : "http"];
      if (proxy === null || isExempt(url)) return false;
      if (proxy.address !== null) return true;
      // Not its address: it may hold a password.
      const kind = proxy.socks ? "a SOCKS proxy, which heros can't use" : "no http or https proxy";
      throw Object.assign(new Error(`${proxy.name} names ${kind}`), {
        code: "ERR_PROXY_INVALID_CONFIG",
      });
    },
  };
}

interface FoundProxy {
  readonly name: string;
  /** As Node reads it; null where it is of another kind. */
  readonly address: string | null;
  readonly socks: boolean;
}

const parts =
  /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?:(?<user>[^:@]*)(?::(?<password>.*))?@)?(?<place>[^@/?#]+)\/?$/isu;

function findProxy(env: Env, kind: "http" | "https"): FoundProxy | null {
  const names = [`${kind}_proxy`, `${kind.toUpperCase()}_PROXY`, "all_proxy", "ALL_PROXY"];
  const name = names.find((each) => (env[each] ?? "") !== "");
  if (name === undefined) return null;
  const {
    scheme = "http",
    user,
    password,
    place = "",
  } = parts.exec((env[name] ?? "").trim())?.groups ?? {};
  const encode = (text: string): string => encodeURIComponent(decoded(text));
  const who =
    user === undefined
      ? ""
      : `${encode(user)}${password === undefined ? "" : `:${encode(password)}`}@`;
  const url = URL.parse(`${scheme.toLowerCase()}://${who}${place}`);
  const known = url !== null && url.hostname !== "" && /^https?:$/u.test(url.protocol);
  return { name, address: known ? url.href : null, socks: /^socks/iu.test(scheme) };
}

/** People write `%` and `#` as they are, and programs write them as %25 and %23. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Whether NO_PROXY means an address, as curl and Go read it: names with all that is below them, with or without a dot in
 * front, addresses, ranges (10.0.0.0/8, and Node's 10.0.0.1-10.0.0.9), each with a port or without, and `*` for everything.
 */
export function readNoProxy(text: string): (url: URL) => boolean {
  const entries = text.toLowerCase().split(/[\s,]+/u);
  const rules = entries.filter((entry) => entry !== "").map(ruleOf);
  return (url) => {
    const host = url.hostname
      .toLowerCase()
      .replace(/^\[|\]$/gu, "")
      .replace(/\.$/u, "");
    const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
    return rules.some((rule) => rule(host, port));
  };
}

type Rule = (host: string, port: number) => boolean;

function ruleOf(entry: string): Rule {
  if (entry === "*") return () => true;
  const ofNumbers = rangeOf(entry);
  if (ofNumbers !== null) {
    return (host) =>
      net.isIP(host) !== 0 && ofNumbers.check(host, net.isIPv6(host) ? "ipv6" : "ipv4");
  }
  const { name = "", port } = /^\[?(?<name>.*?)\]?(?::(?<port>\d+))?$/u.exec(entry)?.groups ?? {};
  const domain = name.replace(/^\*?\./u, "");
  return (host, at) =>
    (host === domain || (net.isIP(host) === 0 && host.endsWith(`.${domain}`))) &&
    (port === undefined || Number(port) === at);
}

function rangeOf(entry: string): net.BlockList | null {
  const list = new net.BlockList();
  const [address = "", bits] = entry.split("/");
  const plain = address.replace(/^\[|\]$/gu, "");
  const family = net.isIPv6(plain) ? "ipv6" : "ipv4";
  const [first = "", last = ""] = entry.split("-");
  try {
    if (net.isIP(plain) !== 0 && bits === undefined) list.addAddress(plain, family);
    else if (net.isIP(plain) !== 0) list.addSubnet(plain, Number(bits), family);
    else if (net.isIPv4(first) && net.isIPv4(last)) list.addRange(first, last);
    else return null;
    return list;
  } catch {
    return null;
  }
}
