import { herOs } from "../her-os.ts";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { findOtherPort, findUnnamedPort } from "../../src/commands/setup/other-port.ts";
import { minimalBase, newStackDir } from "../deploy/compose/fixtures.ts";
import { fakeDocker } from "../docker/fake-docker.ts";
import { testHost } from "../machine/test-host.ts";

const assetsDir = path.resolve("assets");
const signal = new AbortController().signal;
let port: number;

beforeEach(async () => {
  const server = createServer((_request, response) => response.end("hello")).listen(0);
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
});

/** A stack whose compose publishes Annie at what the shell's expression comes to, and the cache at the port above. */
async function openStack(published: string, files: Readonly<Record<string, string>> = {}) {
  const config = `{"name":"her-os","services":{"her-os-core":{"ports":[{"target":8000,"published":"%s"}]},"redis":{"ports":[{"target":6379,"published":"${port + 1}"}]}}}`;
  const { bin } = await fakeDocker(`case "$*" in
*" config "*) cat >/dev/null; printf '${config}' "${published}" ;;
*) exit 1 ;;
esac`);
  const stackDir = await newStackDir({ "docker-compose.yml": minimalBase, ...files });
  const host = testHost({ env: { PATH: `${bin}:/usr/bin:/bin` } });
  onTestFinished(() => host.network.close());
  return { work: { host, signal }, place: { catalog: herOs, stackDir, assetsDir, port } };
}

it("is the next free one that the stack does not need itself, with who has the usual one", async () => {
  const { work, place } = await openStack(`\${HER_OS_PORT:-${port}}`);
  const found = await findUnnamedPort(work, place);
  expect(found).toMatchObject({ instead: port, by: expect.stringContaining("PID") as unknown });
  expect(found?.port).toBeGreaterThan(port + 1);
});

it("is none where the compose file sets the port itself, and where it is free", async () => {
  const { work, place } = await openStack(String(port));
  expect(await findOtherPort(work, place)).toBeNull();
  const free = await openStack("${HER_OS_PORT:-1}");
  expect(await findOtherPort(free.work, { ...free.place, port: 0 })).toBeNull();
});

it("is not taken by itself where .env names the port, and where Annie was set up", async () => {
  for (const files of [
    { ".env": `HER_OS_PORT=${port}\n` },
    { "docker-compose.heros.yml": "services: {}\n" },
  ]) {
    const { work, place } = await openStack(`\${HER_OS_PORT:-${port}}`, files);
    expect(await findUnnamedPort(work, place)).toBeNull();
    expect(await findOtherPort(work, place)).not.toBeNull();
  }
});
