import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { onTestFinished } from "vitest";

export interface EngineProxy {
  /** For DOCKER_HOST. */
  readonly address: string;
  /** From now on there is no engine, as docker sees it. */
  kill(): Promise<void>;
  /**
   * What the engine answers to such requests is kept back until `release`; it does what they ask for nevertheless. Ends with
   * the first of them.
   */
  hold(asked: RegExp): Promise<void>;
  release(): void;
}

/** A socket that leads to the engine, until it is killed: so that one test's dead engine is none of the others'. */
export async function openEngineProxy(): Promise<EngineProxy> {
  const engine = (process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock").slice(
    "unix://".length,
  );
  const folder = await mkdtemp(path.join(tmpdir(), "heros-engine-"));
  const socket = path.join(folder, "docker.sock");
  const open = new Set<Socket>();
  let held: RegExp | null = null;
  let seen = Promise.withResolvers<void>();
  const released: (() => void)[] = [];
  const server = createServer((client) => {
    const upstream = connect(engine);
    client.on("data", (asked) => {
      if (held?.test(asked.toString("latin1")) !== true) return;
      seen.resolve();
      upstream.unpipe(client);
      released.push(() => upstream.pipe(client));
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  server.listen(socket);
  await once(server, "listening");
  const kill = async () => {
    for (const each of open) each.destroy();
    if (server.listening) {
      server.close();
      await once(server, "close");
    }
  };
  onTestFinished(async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    address: `unix://${socket}`,
    kill,
    hold(asked) {
      held = asked;
      seen = Promise.withResolvers();
      return seen.promise;
    },
    release() {
      held = null;
      for (const each of released.splice(0)) each();
    },
  };
}
