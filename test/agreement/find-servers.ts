/** Prints the servers of the network that announce themselves. */
import { realClock, realNetwork } from "../../src/host/real-host.ts";
import { findServers } from "../../src/serve/nearby/find-servers.ts";

const { signal } = new AbortController();
const host = { network: realNetwork({}), clock: realClock };
for (const { name, url } of await findServers({ host, signal })) {
  process.stdout.write(`${JSON.stringify({ name, url })}\n`);
}
