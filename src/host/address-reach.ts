import dns from "node:dns";
import net from "node:net";
import { type Reach, isLoopback, tooNear } from "./network.ts";

const order: readonly Reach[] = ["machine", "private", "public"];

/** IANA's special-purpose registries (RFC 6890), as far as they lead to this machine or its neighbours. */
const ranges: Readonly<Record<"machine" | "private", readonly string[]>> = {
  machine: ["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"],
  private: [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
  ],
};
const machine = listOf(ranges.machine);
const privateOnes = listOf(ranges.private);

/** How near an IP address is. One of IPv4 that is written as IPv6 (mapped, NAT64) is that of IPv4. */
export function reachOf(address: string): Reach {
  const plain = address.replace(/^\[|\]$|%.*$/gu, "");
  const inner = /^(?:::ffff:|64:ff9b::)(?<four>\d+\.\d+\.\d+\.\d+)$/iu.exec(plain)?.groups?.[
    "four"
  ];
  const judged = inner ?? embedded(plain) ?? plain;
  if (net.isIP(judged) === 0) return "public";
  const family = net.isIPv6(judged) ? "ipv6" : "ipv4";
  if (machine.check(judged, family)) return "machine";
  return privateOnes.check(judged, family) ? "private" : "public";
}

/** What a host's name says by itself; null where it must be looked up. */
export function reachOfHost(hostname: string): Reach | null {
  if (isLoopback(hostname)) return "machine";
  return net.isIP(hostname.replace(/^\[|\]$/gu, "")) === 0 ? null : reachOf(hostname);
}

export function isNearer(reach: Reach, than: Reach): boolean {
  return order.indexOf(reach) < order.indexOf(than);
}

export function tooNearError(host: string): Error {
  return Object.assign(new Error(`${host} is an address of this machine or its network`), {
    code: tooNear,
  });
}

/**
 * Looks names up for a connection: what is called localhost is this machine whatever the resolver says (RFC 6761), and
 * addresses that are nearer than they may be are left out.
 */
export function lookupFor(noNearerThan: Reach, resolve = dns.lookup): net.LookupFunction {
  return (hostname, options, callback) => {
    const give = (addresses: readonly dns.LookupAddress[]): void => {
      const [first] = addresses;
      if (first === undefined) callback(tooNearError(hostname), "");
      else if (options.all === true) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    };
    if (isLoopback(hostname)) {
      const own = [
        { address: "127.0.0.1", family: 4 },
        { address: "::1", family: 6 },
      ];
      const wanted = options.family === 4 || options.family === 6 ? options.family : 0;
      give(own.filter(({ family }) => wanted === 0 || family === wanted));
      return;
    }
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) callback(error, "");
      else give(addresses.filter(({ address }) => !isNearer(reachOf(address), noNearerThan)));
    });
  };
}

/** As URLs write a mapped address: ::ffff:7f00:1. */
function embedded(address: string): string | null {
  const found = /^(?:::ffff:|64:ff9b::)(?<high>[0-9a-f]{1,4}):(?<low>[0-9a-f]{1,4})$/iu.exec(
    address,
  );
  if (found?.groups === undefined) return null;
  const [high, low] = [found.groups["high"] ?? "", found.groups["low"] ?? ""].map((part) =>
    Number.parseInt(part, 16),
  );
  return [high, low].map((part = 0) => `${part >> 8}.${part & 255}`).join(".");
}

function listOf(subnets: readonly string[]): net.BlockList {
  const list = new net.BlockList();
  for (const subnet of subnets) {
    const [address = "", bits] = subnet.split("/");
    list.addSubnet(address, Number(bits), net.isIPv6(address) ? "ipv6" : "ipv4");
  }
  return list;
}
