import net from "node:net";

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
