import {
  type DnsMessage,
  type DnsName,
  type DnsQuestion,
  type DnsRecord,
  dnsTypes,
  sameName,
  writeMessage,
} from "./dns-message.ts";
import { kindsName, serviceName } from "./service.ts";

/** RFC 6762, 10: what names an address or a machine lives two minutes, all else 75. */
const hostTtl = 120;
const otherTtl = 4500;
/** In answers to programs that keep nothing (RFC 6762, 6.7). */
const legacyTtl = 10;

export interface Names {
  readonly instance: DnsName;
  readonly machine: DnsName;
}

/** The machine's own name may be announced already, by what answers for it. */
export function namesOf(hostname: string, number: number): Names {
  const [first = ""] = hostname.split(".");
  const label = first.replaceAll(/[^\w-]/g, "").slice(0, 40) || "heros";
  const isFirst = number === 1;
  return {
    instance: [isFirst ? label : `${label} (${number})`, ...serviceName],
    machine: [isFirst ? `${label}-heros` : `${label}-heros-${number}`, "local"],
  };
}

/** The pointer first. */
export function recordsOf(
  of: Names & {
    readonly port: number;
    readonly address: string;
    readonly texts: readonly string[];
  },
): readonly DnsRecord[] {
  const { instance, machine, port, address, texts } = of;
  const [long, short] = [{ ttlSeconds: otherTtl }, { ttlSeconds: hostTtl, flush: true }];
  return [
    { type: "PTR", name: serviceName, target: instance, flush: false, ...long },
    { type: "SRV", name: instance, target: machine, port, ...short },
    { type: "TXT", name: instance, texts, flush: true, ...long },
    { type: "A", name: machine, address, ...short },
    { type: "PTR", name: kindsName, target: serviceName, flush: false, ...long },
  ];
}

/** What a question asks for, but for what whoever asks knows for half of its life yet (RFC 6762, 7.1). */
export function answersTo(
  { questions, answers }: DnsMessage,
  records: readonly DnsRecord[],
): readonly DnsRecord[] {
  const asked = records.filter((record) =>
    questions.some(
      ({ name, type }) =>
        (type === dnsTypes.ANY || type === dnsTypes[record.type]) && sameName(name, record.name),
    ),
  );
  return asked.filter((record) => !answers.some((known) => isSame(record, known)));
}

function isSame(record: DnsRecord, known: DnsRecord): boolean {
  if (record.type !== "PTR" || known.type !== "PTR") return false;
  const lives = known.ttlSeconds * 2 >= record.ttlSeconds;
  return lives && sameName(record.name, known.name) && sameName(record.target, known.target);
}

/**
 * Whether somebody else has one of our names: says so, or is about to, with data that comes after ours (RFC 6762, 8.1 and 8.2).
 */
export function isRival(message: DnsMessage, records: readonly DnsRecord[]): boolean {
  const { isAnswer, answers, additionals, authorities } = message;
  const claims = isAnswer ? [...answers, ...additionals] : authorities;
  return claims.some((claim) => {
    const own = records.find(({ type, name }) => type === claim.type && sameName(name, claim.name));
    if (own === undefined || claim.ttlSeconds === 0) return false;
    const [ours, theirs] = [orderOf(own), orderOf(claim)];
    return isAnswer ? ours !== theirs : theirs > ours;
  });
}

/** Of names that only one may have; the same for all else. */
function orderOf(record: DnsRecord): string {
  switch (record.type) {
    case "A":
      return record.address
        .split(".")
        .map((part) => part.padStart(3, "0"))
        .join(".");
    case "SRV":
      return JSON.stringify([record.port, record.target]);
    default:
      return "";
  }
}

export function probePacket(records: readonly DnsRecord[]): Buffer {
  const unique = records.filter(({ type }) => type === "SRV" || type === "A");
  return writeMessage({
    id: 0,
    isAnswer: false,
    questions: unique.map(({ name }) => ({ name, type: dnsTypes.ANY, unicast: false })),
    answers: [],
    authorities: unique.map((record) => ({ ...record, flush: false })),
    additionals: [],
  });
}

export function answerPacket(
  sections: Pick<DnsMessage, "answers" | "additionals"> &
    Partial<Pick<DnsMessage, "id" | "questions">>,
): Buffer {
  return writeMessage({ id: 0, isAnswer: true, questions: [], authorities: [], ...sections });
}

/** For a resolver that knows nothing of multicast: its own question with it, and nothing that would be kept (RFC 6762, 6.7). */
export function legacyAnswer(
  { id, questions }: DnsMessage,
  answers: readonly DnsRecord[],
  records: readonly DnsRecord[],
): Buffer {
  const plain = (record: DnsRecord): DnsRecord => ({
    ...record,
    flush: false,
    ttlSeconds: Math.min(record.ttlSeconds, legacyTtl),
  });
  const isAsked = ({ name }: DnsQuestion): boolean =>
    records.some((record) => sameName(record.name, name));
  const others = records.filter(
    (record) => !answers.includes(record) && !sameName(record.name, kindsName),
  );
  return answerPacket({
    id,
    questions: questions.filter(isAsked).slice(0, 1),
    answers: answers.map(plain),
    additionals: others.map(plain),
  });
}
