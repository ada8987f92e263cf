import { reachOf } from "../../host/address-reach.ts";
import { isLoopback } from "../../host/network.ts";
import { failure } from "../../run/failures/table.ts";

/** 7171 is nobody's: not in IANA's registry, and not usual for any other server. */
export const usualPort = 7171;
export const usualListen = `127.0.0.1:${usualPort}`;

export interface ListenAddress {
  /** Without brackets. */
  readonly address: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly reach: "machine" | "network";
}

/**
 * Reads `HOST:PORT`, with one of the two left out or not: `0.0.0.0:7171`, `[::]:7171`, `spark-1`, `7171`.
 * @param name what it was given as. @throws Failure `settings.bad_value` (2)
 */
export function parseListen(name: string, text: string): ListenAddress {
  const given = text.trim();
  const { host, port } =
    /^(?:(?<host>\[[\da-f:.]+\]|\*|(?!\d+$)[\w.-]+)(?::|$))?(?<port>\d{1,5})?$/iu.exec(given)
      ?.groups ?? {};
  const number = port === undefined ? usualPort : Number(port);
  if (given === "" || given.endsWith(":") || (host ?? port) === undefined || number > 65_535) {
    const right = "an address of this machine and a port, for example 0.0.0.0:7171";
    throw failure("settings.bad_value", { name, value: text, right });
  }
  const plain = (host ?? "127.0.0.1").replace(/^\[|\]$/gu, "").toLowerCase();
  const address = plain === "*" ? "::" : plain === "localhost" ? "127.0.0.1" : plain;
  return { address, port: number, reach: isOwn(address) ? "machine" : "network" };
}

/** `0.0.0.0` and `::` mean all addresses, although to a client they are this machine. */
function isOwn(address: string): boolean {
  if (/^(?:0\.0\.0\.0|[0:]+)$/u.test(address)) return false;
  return isLoopback(address) || reachOf(address) === "machine";
}

/** As it is written in an address: `[::1]:7171`. */
export function addressText({ address, port }: Pick<ListenAddress, "address" | "port">): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}
