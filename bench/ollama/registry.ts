import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../test/host/free-port.ts";
import { ollamaModel } from "../../test/source/ollama/models.ts";
import type { Link } from "../download/nginx-config.ts";
import { insideFolder } from "../download/workplace.ts";
import { nginxHead, nginxTempPaths, withNginx } from "../nginx.ts";

const repository = "library/bench";
const tag = "1";

/** A model as files that nginx serves. */
export interface ServedModel {
  readonly folder: string;
  readonly mediaType: string;
  /** `sha256:…` */
  readonly digests: readonly string[];
  /** Of all layers and the configuration. */
  readonly layersBytes: number;
}

/** Writes a model with these weights to files named by their digests, and its manifest beside them. */
export async function writeModel(folder: string, weights: Buffer): Promise<ServedModel> {
  const { bytes, mediaType, blobs } = ollamaModel("bench", { weights });
  await mkdir(join(folder, "blobs"), { recursive: true });
  await writeFile(join(folder, "manifest"), bytes);
  for (const blob of blobs) await writeFile(join(folder, "blobs", blob.digest), blob.bytes);
  const layersBytes = blobs.reduce((sum, blob) => sum + blob.bytes.length, 0);
  return { folder, mediaType, digests: blobs.map(({ digest }) => digest), layersBytes };
}

export interface Registry {
  /** Of the model there: `127.0.0.1:PORT/library/bench:1` */
  readonly name: string;
  /** Of layers, since the last call. */
  takeSentBytes(): Promise<number>;
}

/** nginx as a registry of Ollama's that sends whoever wants a layer to a storage, over one link, while the work lasts. */
export async function withRegistry<Result>(
  parent: string,
  { folder, mediaType }: ServedModel,
  { bytesPerSecondPerConnection, sendBufferBytes }: Link,
  work: (registry: Registry) => Promise<Result>,
): Promise<Result> {
  return insideFolder(parent, "nginx-", async (own) => {
    const [port, storagePort] = [await freePort(), await freePort()];
    const log = join(own, "access.log");
    // Ollama takes a redirect to another name for one to a storage.
    const config = `${nginxHead(own)}
http {
  log_format bench '$body_bytes_sent';
${nginxTempPaths(own)}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:${port};
    location = /v2/${repository}/manifests/${tag} { default_type ${mediaType}; alias ${folder}/manifest; }
    location ~ ^/v2/${repository}/blobs/(?<digest>sha256:[0-9a-f]+)$ {
      return 307 http://localhost:${storagePort}/blobs/$digest?signature=bench;
    }
  }
  server {
    listen 127.0.0.1:${storagePort};
    access_log ${log} bench;
    default_type application/octet-stream;
    root ${folder};
  }
}
`;
    const pace = { port: storagePort, bytesPerSecondPerConnection, sendBufferBytes };
    const name = `127.0.0.1:${port}/${repository}:${tag}`;
    return withNginx({ folder: own, config, ports: [port, storagePort], pace }, () =>
      work({ name, takeSentBytes: () => takeSentBytes(log) }),
    );
  });
}

/** A request is in the log once it has ended; one that a kill cut ends when nginx writes to it next. */
async function takeSentBytes(log: string): Promise<number> {
  await sleep(300);
  const lines = (await readFile(log, "utf8")).split("\n");
  await truncate(log);
  return lines.reduce((sum, line) => sum + Number(line), 0);
}

/** @throws Error unless all of the model is in a folder of Ollama's, and nothing else */
export async function requireModel(models: string, { digests }: ServedModel): Promise<void> {
  const names = await readdir(join(models, "blobs"));
  const wanted = digests.map((digest) => digest.replace(":", "-"));
  if (names.toSorted().join() !== wanted.toSorted().join()) {
    throw new Error(`${models} has ${names.join(", ")}`);
  }
  for (const digest of digests) {
    const hash = createHash("sha256");
    const file = createReadStream(join(models, "blobs", digest.replace(":", "-")));
    file.on("data", (part) => hash.update(part));
    await once(file, "end");
    if (`sha256:${hash.digest("hex")}` !== digest) throw new Error(`${digest} is damaged`);
  }
}
