import { createSocket, type Socket } from "node:dgram";
import { networkInterfaces } from "node:os";
import type { MulticastGroup, MulticastOptions, OwnAddress, Sender } from "./network.ts";

/** A machine has no more networks that matter; each takes a socket. */
const mostAddresses = 16;
/** Of networks between this machine and its own containers and virtual machines. */
const virtual = /^(?:docker|br-|veth|virbr|cni|cali|flannel|lxc|lxd|podman|vmnet)/u;

/** The addresses of IPv4 by which other machines can reach this one. */
export function ownAddresses(): readonly OwnAddress[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => !virtual.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal)
    .map(({ address, netmask }) => ({ address, netmask }))
    .slice(0, mostAddresses);
}

/**
 * Joins a multicast group of IPv4 on the network of each address, beside other programs that have the port. Where it can't be had, another port
 * is taken: answers to its questions come to that one alone.
 * @throws Node's errors, where no network takes part
 */
export async function joinMulticast(options: MulticastOptions): Promise<MulticastGroup> {
  const { group, port, only } = options;
  const find = (): readonly OwnAddress[] =>
    (options.addresses ?? ownAddresses()).filter(
      ({ address }) => only === undefined || address === only,
    );
  const addresses = find();
  const sockets: { readonly socket: Socket; readonly own: OwnAddress }[] = [];
  const listeners = new Set<(packet: Buffer, from: Sender) => void>();
  let isShared = true;
  let problem: unknown = Object.assign(new Error("no network"), { code: "ENETUNREACH" });
  for (const own of addresses) {
    try {
      const { socket, shared } = await open(own.address, { group, port });
      isShared = shared;
      sockets.push({ socket, own });
    } catch (error) {
      problem = error;
    }
  }
  if (sockets.length === 0) throw problem;
  const hear = (packet: Buffer, { address, port: from }: Sender): void => {
    for (const listener of listeners) listener(packet, { address, port: from });
  };
  for (const [index, { socket }] of sockets.entries()) {
    socket.on("error", () => {});
    // The kernel gives what comes to a shared port to each socket that has it.
    if (index === 0 || !isShared) socket.on("message", hear);
  }
  const underWay = new Set<Promise<void>>();
  const send = (socket: Socket, packet: Buffer, to: Sender): void => {
    const sent = new Promise<void>((resolve) => {
      // A network that is down by now, and an address that nobody has: nothing promises that it arrives.
      socket.send(packet, to.port, to.address, () => resolve());
    });
    underWay.add(sent);
    void sent.then(() => underWay.delete(sent));
  };
  return {
    isShared,
    addresses: sockets.map(({ own }) => own),
    isCurrent: () => JSON.stringify(find()) === JSON.stringify(addresses),
    send(packet, from) {
      for (const { socket, own } of sockets) {
        if (from === undefined || own.address === from)
          send(socket, packet, { address: group, port });
      }
    },
    reply(packet, to) {
      for (const { socket } of sockets.slice(0, 1)) send(socket, packet, to);
    },
    listen(listener) {
      listeners.add(listener);
    },
    async close() {
      listeners.clear();
      await Promise.all(underWay);
      await Promise.all(sockets.map(({ socket }) => closed(socket)));
    },
  };
}

async function open(
  address: string,
  { group, port }: Pick<MulticastOptions, "group" | "port">,
): Promise<{ readonly socket: Socket; readonly shared: boolean }> {
  const shared = await bound(port).catch(() => null);
  const socket = shared ?? (await bound(0));
  try {
    if (shared !== null) socket.addMembership(group, address);
    socket.setMulticastInterface(address);
    socket.setMulticastTTL(255);
    socket.setMulticastLoopback(true);
    return { socket, shared: shared !== null };
  } catch (error) {
    await closed(socket);
    throw error;
  }
}

function bound(port: number): Promise<Socket> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  return new Promise((resolve, reject) => {
    socket.once("error", (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port, address: "0.0.0.0", exclusive: true }, () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.close(() => resolve()));
}
