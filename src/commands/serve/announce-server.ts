import type { Host } from "../../host/host.ts";
import { failure } from "../../run/failures/table.ts";
import { announce } from "../../serve/nearby/announce.ts";
import type { Announced } from "../../serve/nearby/service.ts";
import type { Work } from "../command-request.ts";
import type { ListenAddress } from "./listen-address.ts";

export interface AnnounceServer {
  readonly listen: ListenAddress;
  /** That it got. */
  readonly port: number;
  readonly announced: Announced;
}

/** Only what other machines reach is worth an announcement. @throws Failure `serve.not_announceable` (2) */
export function requireAnnounceable(listen: ListenAddress): void {
  if (listen.reach === "machine" || isSixAlone(listen)) {
    throw failure("serve.not_announceable", { listen: listen.address });
  }
}

/** `::` means the addresses of IPv4, too. */
function isSixAlone({ address }: ListenAddress): boolean {
  return address.includes(":") && !/^[0:]+$/u.test(address);
}

/** Has the server found by other machines until the run is to stop. */
export async function announceServer(
  { host, emit, signal }: Pick<Work, "host" | "emit" | "signal">,
  { listen, port, announced }: AnnounceServer,
): Promise<void> {
  const { address } = listen;
  let told: string | null | undefined;
  await announce({
    host,
    hostname: await hostnameOf(host),
    port,
    address: /^\d+(?:\.\d+){3}$/u.test(address) && address !== "0.0.0.0" ? address : null,
    announced,
    signal,
    onName(name) {
      if (name !== told) emit({ type: "serve.announced", name });
      told = name;
    },
  });
}

async function hostnameOf({ files }: Pick<Host, "files">): Promise<string> {
  const name = await files.readFile("/proc/sys/kernel/hostname", "utf8").catch(() => "");
  return name.trim() || "heros";
}
