import { createServer } from "node:net";

/**
 * A TCP port of this machine that is free, and stays so: it lies below those that the system gives to whoever asks
 * for any, as other tests do at the same moment.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
