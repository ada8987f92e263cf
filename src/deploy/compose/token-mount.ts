import path from "node:path";
import type { StackConfig } from "../../docker/compose.ts";
import { askContainerUser } from "../../docker/container-user.ts";
import type { Host } from "../../host/host.ts";
import { ownUid } from "../../host/own-file.ts";
import type { Emit } from "../../run/event.ts";
import type { Notice } from "../../run/events/run.ts";
import { quoted } from "../../run/shell-quote.ts";
import { keptTokenFile } from "./deployment.ts";
import { askReaders, letRead, type ReadersAnswer } from "./readers.ts";

export interface TokenMountRequest {
  readonly host: Host;
  readonly stackDir: string;
  /** Services that ask the Hub, by the catalog; none where there is no token. */
  readonly wanted: readonly TokenReader[];
}

export interface TokenReader {
  readonly service: string;
  /** Whom it runs as, as compose takes it; null where only the image says it. */
  readonly user: string | null;
}

export interface TokenMount {
  readonly tokenFor: ReadonlySet<string>;
  readonly notices: readonly Notice[];
}

/**
 * Which services get the token: those that need it, unless they run as somebody who can't be let into its file. The Hub's
 * library would stop at a token that it can't read, although public models need none.
 */
export async function planTokenMount(request: TokenMountRequest): Promise<TokenMount> {
  const { host, stackDir, wanted } = request;
  const own = await ownUid(host.files);
  const all = new Set(wanted.map(({ service }) => service));
  const strangers = wanted.filter(({ user }) => isStranger(user, own));
  if (strangers.length === 0) return { tokenFor: all, notices: [] };
  const answer = await askReaders(host, stackDir);
  if (answer === "possible") return { tokenFor: all, notices: [] };
  for (const { service } of strangers) all.delete(service);
  return {
    tokenFor: all,
    notices: strangers.map(({ service, user }): Notice => ({
      type: "notice",
      level: "warning",
      code: "stack.token_withheld",
      message: `${service} runs as user ${user ?? ""}, who can't read the saved token, so it is started without it.`,
      hint: withheldHint(answer),
    })),
  };
}

function withheldHint(answer: Exclude<ReadersAnswer, "possible">): string {
  return answer === "no-setfacl"
    ? "Only gated models need a token. To let that user read it: sudo apt-get install acl, then run heros setup again."
    : "Only gated models need a token. To let that user read it, keep the stack's folder on a disk with Linux permissions, such as ext4 (--stack-dir).";
}

/** Of a name only the image knows the number. */
function isStranger(user: string | null, own: number): boolean {
  const [name = ""] = (user ?? "").split(":");
  return name !== "" && name !== "root" && !["0", String(own)].includes(name);
}

export interface TokenReadersRequest {
  readonly host: Host;
  readonly stackDir: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Before containers start: whom the ones that mount the saved token run as may read it, and nobody else. The file stays its
 * owner's.
 */
export async function openTokenToReaders(
  request: TokenReadersRequest,
  { services, secrets }: StackConfig,
): Promise<void> {
  const { host, stackDir, emit } = request;
  const file = keptTokenFile(stackDir);
  const names = [...secrets].flatMap(([name, place]) =>
    place !== null && path.resolve(stackDir, place) === file ? [name] : [],
  );
  const mounting = Object.entries(services).filter(([, service]) =>
    service.secrets.some(({ source }) => names.includes(source)),
  );
  if (mounting.length === 0) return;
  const stats = await host.files.stat(file).catch(() => null);
  if (stats === null) return;
  const readers = new Map<number, string>();
  for (const [name, service] of mounting) {
    const uid = (await askContainerUser(request, service))?.uid ?? null;
    if (uid !== null && uid !== 0 && uid !== stats.uid) readers.set(uid, name);
  }
  if (readers.size === 0 || (await letRead(host, file, [...readers.keys()]))) return;
  const commands = [...readers.keys()].map((uid) => `setfacl -m u:${uid}:r ${quoted(file)}`);
  for (const [uid, service] of readers) {
    emit({
      type: "notice",
      level: "warning",
      code: "stack.token_unreadable",
      message: `${service} runs as user ${uid}, who can't read the saved token.`,
      hint: `Only gated models need it. To let that user read it: sudo apt-get install acl && ${commands.join(" && ")}`,
    });
  }
}
