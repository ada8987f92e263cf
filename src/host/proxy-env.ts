type Env = Readonly<Record<string, string | undefined>>;

export interface Proxies {
  /** As Node's agents take them. */
  readonly env: Env;
  /** Whether requests of this kind go through a proxy. @throws Error `ERR_PROXY_INVALID_CONFIG` where nobody can go through it */
  isProxied(protocol: "http" | "https"): boolean;
}

/**
 * The proxies of the environment, as curl reads them: small letters before capitals, ALL_PROXY for what has none of its own,
 * and an address without a scheme means http. Node passes over those that it does not know, which is not what was asked for.
 */
export function readProxies(env: Env): Proxies {
  const found = { http: findProxy(env, "http"), https: findProxy(env, "https") };
  const rest = Object.entries(env).filter(([name]) => !/^(?:http|https|all)_proxy$/iu.test(name));
  const own = Object.entries(found).flatMap(([kind, proxy]) =>
    proxy === null || !proxy.known ? [] : [[`${kind}_proxy`, proxy.address] as const],
  );
  return {
    env: Object.fromEntries([...rest, ...own]),
    isProxied(protocol) {
      const proxy = found[protocol];
      if (proxy === null || proxy.known) return proxy !== null;
      // Not its address: it may hold a password.
      const message = `${proxy.name} does not name an http or https proxy, and heros knows no others`;
      throw Object.assign(new Error(message), { code: "ERR_PROXY_INVALID_CONFIG" });
    },
  };
}

function findProxy(env: Env, kind: "http" | "https") {
  const names = [`${kind}_proxy`, `${kind.toUpperCase()}_PROXY`, "all_proxy", "ALL_PROXY"];
  const name = names.find((each) => (env[each] ?? "") !== "");
  if (name === undefined) return null;
  const given = env[name] ?? "";
  const address = given.includes("://") ? given : `http://${given}`;
  const url = URL.parse(address);
  return { name, address, known: url !== null && /^https?:$/u.test(url.protocol) };
}
