import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../test/host/free-port.ts";
import { cleanEnv } from "./program.ts";

const version = "v1.8.0";
const keys = { id: "bench", secret: "bench-secret" };

/** A real S3 server. */
export interface Store {
  readonly endpoint: string;
  /** Of its buckets: a folder each, and a file for each object. */
  readonly data: string;
}

/**
 * versitygw with one bucket while the work lasts; built with Go unless VERSITYGW names one. It keeps connections, which it
 * does not unless it is told to.
 */
export async function withStore<Result>(
  folder: string,
  bucket: string,
  work: (store: Store) => Promise<Result>,
): Promise<Result> {
  const program = process.env["VERSITYGW"] ?? build(folder);
  const data = join(folder, "data");
  await mkdir(join(data, bucket), { recursive: true });
  const port = await freePort();
  const options = ["--keep-alive", "--quiet", "--port", `127.0.0.1:${port}`, "posix", data];
  const env = { ...cleanEnv(folder), ROOT_ACCESS_KEY: keys.id, ROOT_SECRET_KEY: keys.secret };
  const server = spawn(program, options, { env, stdio: "ignore" });
  const ended = once(server, "exit");
  try {
    while (!(await answers(port))) await sleep(50);
    return await work({ endpoint: `http://127.0.0.1:${port}`, data });
  } finally {
    server.kill();
    await ended;
  }
}

/** What programs need to find a store, and to sign for it. */
export function storeEnv(folder: string, endpoint: string): NodeJS.ProcessEnv {
  return {
    ...cleanEnv(folder),
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: keys.id,
    AWS_SECRET_ACCESS_KEY: keys.secret,
  };
}

function build(folder: string): string {
  const name = `github.com/versity/versitygw/cmd/versitygw@${version}`;
  const env = { ...process.env, GOBIN: join(folder, "bin"), GOFLAGS: "-mod=mod" };
  execFileSync("go", ["install", name], { env, stdio: "inherit" });
  return join(folder, "bin/versitygw");
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
