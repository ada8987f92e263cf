import type { Host } from "../../host/host.ts";
import type { MulticastGroup, MulticastOptions, Sender } from "../../host/network.ts";
import {
  type DnsName,
  type DnsQuestion,
  type DnsRecord,
  dnsTypes,
  keyOf,
  readMessage,
  sameName,
  writeMessage,
} from "./dns-message.ts";
import { type Announced, isNeighbour, multicastDns, readTexts, serviceName } from "./service.ts";

/** A `heros serve` that announces itself, at one of its addresses. */
export interface FoundServer extends Announced {
  /** What it calls itself: printable, up to 63 characters. */
  readonly name: string;
  /** `http://192.168.1.20:7171`: of the address that the answer came from. */
  readonly url: string;
}

export interface FindServers {
  readonly host: Pick<Host, "network" | "clock">;
  readonly signal: AbortSignal;
  /** How long to listen. Default 1200 ms: a server may wait as long as a second with its answer. */
  readonly forMs?: number;
  /** Another group, port or network than that of multicast DNS. */
  readonly multicast?: Partial<MulticastOptions>;
}

const usualMs = 1200;
/** What is not answered by then may have been lost. */
const askAgainMs = 400;
/** Whoever sends more, the rest is not looked at. */
const mostServers = 32;
const mostPackets = 256;

/**
 * Asks the networks of this machine for servers that announce themselves. What is found may be anybody's, and is only good to be offered.
 * @returns them by name and address; none where multicast is not possible, and what was found by then where the signal fires
 */
export async function findServers(find: FindServers): Promise<readonly FoundServer[]> {
  const { host, signal, forMs = usualMs, multicast = {} } = find;
  const options = { ...multicastDns, ...multicast };
  const group = await host.network.joinMulticast(options).catch(() => null);
  if (group === null) return [];
  const seen = createSeen();
  let packets = 0;
  group.listen((packet, from) => {
    packets += 1;
    if (packets > mostPackets || !isFromNeighbour(group, from, options.port)) return;
    const message = readMessage(packet);
    if (message?.isAnswer !== true) return;
    seen.add(from.address, [...message.answers, ...message.additionals]);
  });
  try {
    group.send(question([{ name: serviceName, type: dnsTypes.PTR, unicast: false }]));
    await host.clock.sleep(Math.min(askAgainMs, forMs), signal);
    group.send(
      question([{ name: serviceName, type: dnsTypes.PTR, unicast: false }, ...seen.missing()]),
    );
    await host.clock.sleep(Math.max(0, forMs - askAgainMs), signal);
  } catch {
    // Who has no more time takes what is there.
  } finally {
    await group.close();
  }
  return seen.servers();
}

/** Answers come from the group's port (RFC 6762, 6), on the same network (11), and not from this machine. */
function isFromNeighbour({ addresses }: MulticastGroup, from: Sender, port: number): boolean {
  if (from.port !== port || addresses.some(({ address }) => address === from.address)) return false;
  return addresses.some((own) => isNeighbour(own, from.address));
}

function question(questions: readonly DnsQuestion[]): Buffer {
  const none = { answers: [], authorities: [], additionals: [] };
  return writeMessage({ id: 0, isAnswer: false, questions, ...none });
}

/** What one address says of one server. */
interface Entry {
  readonly instance: DnsName;
  readonly address: string;
  port: number | null;
  target: DnsName | null;
  announced: Announced | null;
  /** It said that the name of the server leads to itself. */
  isOwn: boolean;
  isGone: boolean;
}

/** Keeps no more than it may, whatever the network says. */
function createSeen() {
  const entries = new Map<string, Entry>();

  /** Null where it is not of our kind, and where there are too many already. */
  function entryOf(instance: DnsName, address: string): Entry | null {
    if (instance.length !== 4 || !sameName(instance.slice(1), serviceName)) return null;
    const key = `${address} ${keyOf(instance)}`;
    const known = entries.get(key);
    if (known !== undefined) return known;
    if (entries.size >= mostServers) return null;
    const unknown = { port: null, target: null, announced: null, isOwn: false, isGone: false };
    const entry: Entry = { instance, address, ...unknown };
    entries.set(key, entry);
    return entry;
  }

  function take(address: string, record: DnsRecord): void {
    if (record.type === "A") {
      if (record.address !== address || record.ttlSeconds === 0) return;
      for (const entry of entries.values()) {
        if (entry.address !== address || entry.target === null) continue;
        if (sameName(entry.target, record.name)) entry.isOwn = true;
      }
      return;
    }
    const isPointer = record.type === "PTR";
    if (isPointer && !sameName(record.name, serviceName)) return;
    const entry = entryOf(isPointer ? record.target : record.name, address);
    if (entry === null) return;
    switch (record.type) {
      case "PTR":
        // A server that closes says so.
        entry.isGone = record.ttlSeconds === 0;
        return;
      case "SRV":
        ({ port: entry.port, target: entry.target } = record);
        return;
      case "TXT":
        entry.announced = readTexts(record.texts);
    }
  }

  return {
    add(address: string, records: readonly DnsRecord[]): void {
      for (const record of records) if (record.type !== "A") take(address, record);
      // A name means something once it is known whose it is.
      for (const record of records) if (record.type === "A") take(address, record);
    },

    /** Questions about those that told less than all of themselves. */
    missing(): readonly DnsQuestion[] {
      return [...entries.values()].flatMap((entry) => {
        if (isWhole(entry)) return [];
        const { instance, target } = entry;
        return [instance, ...(target === null ? [] : [target])].map((name) => ({
          name,
          type: dnsTypes.ANY,
          unicast: false,
        }));
      });
    },

    servers(): readonly FoundServer[] {
      return [...entries.values()]
        .flatMap((entry) => (isWhole(entry) && !entry.isGone ? [entry] : []))
        .map(({ instance, address, port, announced }) => ({
          ...announced,
          name: shown(instance[0] ?? ""),
          url: `${announced.fingerprint === null ? "http" : "https"}://${address}:${port}`,
        }))
        .toSorted((a, b) => (a.name + a.url < b.name + b.url ? -1 : 1));
    },
  };
}

function isWhole(entry: Entry): entry is Entry & { port: number; announced: Announced } {
  return entry.port !== null && entry.port > 0 && entry.announced !== null && entry.isOwn;
}

/** Without what could write over a terminal, or turn text around. */
function shown(label: string): string {
  const clean = label.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "").trim();
  return clean === "" ? "heros" : clean;
}
