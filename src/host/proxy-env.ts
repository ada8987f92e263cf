import { readNoProxy } from "./no-proxy.ts";

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
