import type { Host } from "../../host/host.ts";
import type { MulticastGroup, MulticastOptions, OwnAddress, Sender } from "../../host/network.ts";
import { type DnsMessage, type DnsRecord, readMessage, sameName } from "./dns-message.ts";
import {
  answerPacket,
  answersTo,
  isRival,
  legacyAnswer,
  namesOf,
  probePacket,
  recordsOf,
} from "./own-records.ts";
import { type Announced, isNeighbour, kindsName, multicastDns, textsOf } from "./service.ts";

export interface Announcement {
  readonly host: Pick<Host, "network" | "clock" | "random">;
  /** Of this machine. */
  readonly hostname: string;
  readonly port: number;
  /** The only one of this machine's addresses that is served; null for all. */
  readonly address: string | null;
  readonly announced: Announced;
  readonly signal: AbortSignal;
  /** Called with the name that it has on the network, again where that changes; null where no network can be asked. */
  readonly onName?: (name: string | null) => void;
  readonly multicast?: Partial<MulticastOptions>;
}

const probeMs = 250;
const probes = 3;
/** Whoever claims each name that is tried does so on purpose. */
const mostNames = 9;
const lookMs = 15_000;
/** On one network (RFC 6762, 6). */
const betweenAnswersMs = 1000;

/**
 * Has a server found by multicast DNS, on each network of this machine, until the signal fires. Networks may come and go: it begins
 * again on those that are there.
 */
export async function announce(announcement: Announcement): Promise<void> {
  const { host, signal, address, onName, multicast = {} } = announcement;
  const options = {
    ...multicastDns,
    ...multicast,
    ...(address === null ? {} : { only: address }),
  };
  let number = 1;
  while (!signal.aborted) {
    const group = await host.network.joinMulticast(options).catch(() => null);
    try {
      if (group?.isShared !== true) {
        onName?.(null);
        await host.clock.sleep(lookMs, signal);
        continue;
      }
      const ended = await takePart(announcement, { group, number, port: options.port });
      if (ended === "name taken" && number < mostNames) number += 1;
    } catch {
      // The signal ends the wait.
    } finally {
      await group?.close();
    }
  }
}

interface Part {
  readonly group: MulticastGroup;
  /** Which of its names is tried. */
  readonly number: number;
  readonly port: number;
}

/** @throws AbortError */
async function takePart(
  { host, signal, hostname, port, announced, onName }: Announcement,
  { group, number, port: groupPort }: Part,
): Promise<"name taken" | "other networks"> {
  const { clock, random } = host;
  const names = namesOf(hostname, number);
  const texts = textsOf(announced);
  const recordsByAddress = new Map(
    group.addresses.map(({ address }) => [address, recordsOf({ ...names, port, address, texts })]),
  );
  const recordsAt = ({ address }: OwnAddress) => recordsByAddress.get(address) ?? [];
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const answeredMs = new Map<string, number>();
  /** What is about to be told, by the address at which it is. */
  const plans = new Map<string, Set<DnsRecord>>();
  let isTaken = false;
  let isOurs = false;

  group.listen((packet, from) => {
    const own = group.addresses.find((one) => isNeighbour(one, from.address));
    const message = own === undefined ? null : readMessage(packet);
    if (own === undefined || message === null) return;
    const records = recordsAt(own);
    const isHere = group.addresses.some(({ address }) => address === from.address);
    if (isOurs && !message.isAnswer) {
      answer(message, from, own);
      return;
    }
    // Another address of this machine has the same name with right.
    if (isRival(message, isHere ? records.filter(({ type }) => type !== "A") : records)) {
      isTaken = true;
      over.abort();
    }
  });

  function answer(message: DnsMessage, from: Sender, own: OwnAddress): void {
    const records = recordsAt(own);
    const found = answersTo(message, records);
    if (found.length === 0) return;
    if (from.port !== groupPort) {
      group.reply(legacyAnswer(message, found, records), from);
      return;
    }
    const { address } = own;
    const planned = plans.get(address);
    for (const record of found) planned?.add(record);
    if (planned !== undefined) return;
    const plan = new Set(found);
    plans.set(address, plan);
    void tellLater(own, plan, waitFor(address, message.authorities.length > 0));
  }

  async function tellLater(own: OwnAddress, plan: Set<DnsRecord>, waitMs: number): Promise<void> {
    await clock.sleep(waitMs, either).catch(() => {});
    if (either.aborted) return;
    plans.delete(own.address);
    tell(own, [...plan]);
  }

  /** Others may have something to say, too; whoever is about to take our name must hear of it soon (RFC 6762, 6). */
  function waitFor(address: string, isProbe: boolean): number {
    const nowMs = clock.monotonicMs();
    const dueMs = isProbe ? nowMs : nowMs + 20 + 100 * random();
    const last = answeredMs.get(address) ?? Number.NEGATIVE_INFINITY;
    return Math.max(dueMs, last + (isProbe ? probeMs : betweenAnswersMs)) - nowMs;
  }

  function tell(own: OwnAddress, answers: readonly DnsRecord[], ttlSeconds?: number): void {
    const records = recordsAt(own).filter(({ name }) => !sameName(name, kindsName));
    const additionals = records.filter((record) => !answers.includes(record));
    const living = (record: DnsRecord): DnsRecord =>
      ttlSeconds === undefined ? record : { ...record, ttlSeconds };
    answeredMs.set(own.address, clock.monotonicMs());
    group.send(
      answerPacket({ answers: answers.map(living), additionals: additionals.map(living) }),
      own.address,
    );
  }

  function tellAll(ttlSeconds?: number): void {
    for (const own of group.addresses) tell(own, recordsAt(own), ttlSeconds);
  }

  try {
    await clock.sleep(probeMs * random(), either);
    for (let probe = 0; probe < probes; probe += 1) {
      for (const own of group.addresses) group.send(probePacket(recordsAt(own)), own.address);
      await clock.sleep(probeMs, either);
    }
    isOurs = true;
    onName?.(names.instance[0] ?? "");
    tellAll();
    await clock.sleep(1000, either);
    tellAll();
    while (group.isCurrent()) await clock.sleep(lookMs, either);
    return "other networks";
  } catch (error) {
    if (isTaken && !signal.aborted) return "name taken";
    throw error;
  } finally {
    over.abort();
    // Who knows it need not wait until it is forgotten.
    if (isOurs) tellAll(0);
  }
}
