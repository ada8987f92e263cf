import { createSocket } from "node:dgram";
import { expect, it, onTestFinished } from "vitest";
import type { OwnAddress } from "../../../src/host/network.ts";
import { realClock, realNetwork } from "../../../src/host/real-host.ts";
import { announce } from "../../../src/serve/nearby/announce.ts";
import {
  type DnsRecord,
  dnsTypes,
  readMessage,
  writeMessage,
} from "../../../src/serve/nearby/dns-message.ts";
import { findServers } from "../../../src/serve/nearby/find-servers.ts";
import { serviceName } from "../../../src/serve/nearby/service.ts";
import { freePort } from "../../host/free-port.ts";

const host = { network: realNetwork({}), clock: realClock, random: Math.random };
const announced = {
  version: "1.2.3",
  fingerprint: null,
  stack: "her-os",
  models: true,
  images: true,
};
const group = "224.0.0.251";
const none = { questions: [], answers: [], authorities: [], additionals: [] };

/** Machines of a network that is the loopback interface of this one: each has an address of its own. */
function machine(number: number, port: number) {
  const own: OwnAddress = { address: `127.0.0.${number}`, netmask: "255.0.0.0" };
  return { group, port, addresses: [own] };
}

/** Resolves with its name once it is announced. */
async function server(number: number, port: number, hostname = `spark-${number}`) {
  const stop = new AbortController();
  let done: Promise<void> = Promise.resolve();
  const name = await new Promise<string | null>((resolve) => {
    done = announce({
      host,
      hostname,
      port: 7171,
      address: null,
      announced,
      signal: stop.signal,
      multicast: machine(number, port),
      onName: resolve,
    });
  });
  const close = async () => {
    stop.abort();
    await done;
  };
  onTestFinished(close);
  return { name, close };
}

function find(port: number) {
  const { signal } = new AbortController();
  return findServers({ host, signal, multicast: machine(99, port) });
}

it("finds what announces itself, at the address that answers", async () => {
  const port = await freePort();
  await Promise.all([server(2, port), server(3, port)]);
  expect(await find(port)).toEqual([
    { ...announced, name: "spark-2", url: "http://127.0.0.2:7171" },
    { ...announced, name: "spark-3", url: "http://127.0.0.3:7171" },
  ]);
});

it("gives a name to one server alone, and finds none that has gone", async () => {
  const port = await freePort();
  const first = await server(2, port, "spark.lan");
  const second = await server(3, port, "spark.lan");
  expect([first.name, second.name]).toEqual(["spark", "spark (2)"]);
  await first.close();
  const found = await find(port);
  expect(found.map(({ name, url }) => [name, url])).toEqual([
    ["spark (2)", "http://127.0.0.3:7171"],
  ]);
});

it("answers a resolver that knows nothing of multicast, as dig asks it", async () => {
  const port = await freePort();
  await server(2, port);
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  const answer = new Promise<Buffer>((resolve) => socket.once("message", resolve));
  await new Promise<void>((resolve) => socket.bind(0, resolve));
  socket.setMulticastInterface("127.0.0.1");
  const question = { name: serviceName, type: dnsTypes.PTR, unicast: false };
  socket.send(
    writeMessage({ ...none, id: 77, isAnswer: false, questions: [question] }),
    port,
    group,
  );
  const message = readMessage(await answer);
  const instance = ["spark-2", ...serviceName];
  expect(message).toMatchObject({ id: 77, isAnswer: true, questions: [question] });
  expect(message?.answers).toEqual([
    { type: "PTR", name: serviceName, target: instance, ttlSeconds: 10, flush: false },
  ]);
  expect(message?.additionals.map(({ type }) => type)).toEqual(["SRV", "TXT", "A"]);
});

it("takes no word from a server that is not at the address it names, nor more than a few", async () => {
  const port = await freePort();
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  onTestFinished(() => void socket.close());
  await new Promise<void>((resolve) => socket.bind(port, "127.0.0.2", resolve));
  socket.setMulticastInterface("127.0.0.2");
  const tell = (name: string, address: string, texts: readonly string[]) => {
    const instance = [name, ...serviceName];
    const target = [`${name}-host`, "local"];
    const common = { ttlSeconds: 120, flush: false };
    const answers: DnsRecord[] = [
      { type: "PTR", name: serviceName, target: instance, ...common },
      { type: "SRV", name: instance, target, port: 80, ...common },
      { type: "TXT", name: instance, texts, ...common },
      { type: "A", name: target, address, ...common },
    ];
    socket.send(writeMessage({ ...none, id: 0, isAnswer: true, answers }), port, group);
  };
  const good = ["txtvers=1", "version=1.2.3", "models=yes"];
  const finding = find(port);
  const hello = new Promise<void>((resolve) => {
    const listener = createSocket({ type: "udp4", reuseAddr: true });
    listener.once("message", () => {
      listener.close();
      resolve();
    });
    listener.bind(port, () => listener.addMembership(group, "127.0.0.5"));
  });
  await hello;
  socket.send(Buffer.from("no message at all"), port, group);
  tell("elsewhere", "10.0.0.1", good);
  tell("no-version", "127.0.0.2", ["txtvers=1", "models=yes"]);
  tell("strange", "127.0.0.2", ["txtvers=1", "version=1.2.3\u001B[2J"]);
  tell("\u001B[31mred\u202E", "127.0.0.2", [...good, "stack=\u001B[2J"]);
  for (let index = 0; index < 60; index += 1) tell(`many-${index}`, "127.0.0.2", good);
  const found = await finding;
  expect(found).toContainEqual({
    name: "[31mred",
    url: "http://127.0.0.2:80",
    version: "1.2.3",
    fingerprint: null,
    stack: null,
    models: true,
    images: false,
  });
  expect(found.length).toBeLessThanOrEqual(32);
  const names = found.map(({ name }) => name.replace(/-\d+$/, "-"));
  expect(new Set(names)).toEqual(new Set(["[31mred", "many-"]));
});

it("finds nothing, and says nothing, where multicast is not possible", async () => {
  const { signal } = new AbortController();
  const nowhere = { addresses: [] };
  expect(await findServers({ host, signal, multicast: nowhere })).toEqual([]);
});
