import { readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../test/host/free-port.ts";
import { withNginx } from "../nginx.ts";
import type { ServedFile } from "./hosted-files.ts";
import { nginxConfig, xorbUrl, type Link } from "./nginx-config.ts";
import { interruption, runToEnd } from "./run-to-end.ts";
import { insideFolder } from "./workplace.ts";
import { withReconstructions } from "./xet/server.ts";
import { readStore, storeFolder } from "./xet/store.ts";

export interface Server {
  readonly endpoint: string;
  readonly files: readonly ServedFile[];
  readonly totalBytes: number;
  /** What was sent since the last call. */
  takeTraffic(): Promise<Traffic>;
}

export interface Traffic {
  readonly requests: number;
  /** Of bodies, without those of the Hub's API. */
  readonly sentBytes: number;
  /** As many of them as came out of xorbs. */
  readonly xorbBytes: number;
}

export interface ServerSetup {
  /** Where a folder for the served files may be made. */
  readonly dir: string;
  /** Puts the files into that folder. */
  readonly host: (folder: string) => Promise<readonly ServedFile[]>;
  readonly link?: Link;
}

/** nginx with these files, while the work lasts; it ends with this process, however that ends. */
export function withServer<Result>(
  { dir, host, link = {} }: ServerSetup,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  return withHosted({ dir, host }, (hosted) => serve(hosted, link, work));
}

export interface Hosted {
  readonly folder: string;
  readonly files: readonly ServedFile[];
}

/** The files in their folder, while the work lasts. */
export function withHosted<Result>(
  { dir, host }: Omit<ServerSetup, "link">,
  work: (hosted: Hosted) => Promise<Result>,
): Promise<Result> {
  return insideFolder(dir, "served-", async (folder) => {
    const files = await host(folder);
    await runToEnd("sync", []);
    interruption.signal.throwIfAborted();
    return work({ folder, files });
  });
}

/** nginx over one link with files that are in their folder. */
export async function serve<Result>(
  { folder, files }: Hosted,
  link: Link,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  const ports = { hubPort: await freePort(), contentPort: await freePort() };
  const setup = { folder, files, link, ...ports };
  const server: Server = {
    endpoint: `http://127.0.0.1:${ports.hubPort}`,
    files,
    totalBytes: files.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0),
    takeTraffic: () => takeTraffic(join(folder, "access.log")),
  };
  const { bytesPerSecondPerConnection, sendBufferBytes } = link;
  const pace = { port: ports.contentPort, bytesPerSecondPerConnection, sendBufferBytes };
  const nginx = (more: { readonly reconstructionPort?: number }) => ({
    folder,
    config: nginxConfig({ ...setup, ...more }),
    ports: Object.values(ports),
    ...(bytesPerSecondPerConnection === undefined ? {} : { pace }),
  });
  if (files.every(({ xetHash }) => xetHash === undefined))
    return withNginx(nginx({}), () => work(server));
  const store = await readStore(join(folder, storeFolder));
  return withReconstructions(
    store,
    (xorb) => xorbUrl(ports.contentPort, xorb),
    (reconstructionPort) => withNginx(nginx({ reconstructionPort }), () => work(server)),
  );
}

/** A request is in the log once it has ended; one that a kill cut ends when nginx writes to it next. */
async function takeTraffic(log: string): Promise<Traffic> {
  await sleep(300);
  const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
  await truncate(log);
  const answers = lines.map((line) => {
    const [, , status, sent = "0", uri = ""] = line.split(" ");
    return { counts: status !== "302" && !uri.startsWith("/api/"), bytes: Number(sent), uri };
  });
  const sentFor = (wanted: (uri: string) => boolean) =>
    answers
      .filter(({ counts, uri }) => counts && wanted(uri))
      .reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    requests: lines.length,
    sentBytes: sentFor(() => true),
    xorbBytes: sentFor((uri) => uri.startsWith("/xorbs/")),
  };
}
