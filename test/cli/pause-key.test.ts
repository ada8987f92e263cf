import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { startHub, type EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { openHeros } from "./heros-pty.ts";
import { makeSandbox } from "./sandbox.ts";
import { catalogOf } from "./wrong-input.ts";

const bytes = 3_000_000;
const waiting = { timeout: 240_000, interval: 20 };

/** Open connections to the Hub's two ports, as the kernel lists them: proc(5), a remote address and state 01. */
async function connectionsTo({ endpoint, contentOrigin }: EmbeddedHub): Promise<number> {
  const ports = [endpoint, contentOrigin].map((url) => Number(new URL(url).port));
  const table = await readFile("/proc/net/tcp", "utf8");
  return table.split("\n").filter((line) => {
    const [, , , remote = "", state] = line.split(/\s+/);
    return state === "01" && ports.includes(Number.parseInt(remote.split(":")[1] ?? "", 16));
  }).length;
}

it("p pauses a pull, which goes on from the same bytes and ends well", async () => {
  await using sandbox = await makeSandbox();
  const files = [{ path: "model.safetensors", sizeBytes: bytes }];
  const hub = await startHub({
    repos: [{ id: "demo/voice", files }],
    // So slow that nothing ends before somebody looked.
    throttle: { bytesPerSecond: 150_000 },
  });
  const catalog = await catalogOf(sandbox, "demo/voice");
  const pty = openHeros(sandbox, ["pull", "--catalog", catalog, "--endpoint", hub.endpoint]);
  try {
    await pty.waitFor(/\d\/3\.00 MB/);
    pty.type("p");
    await pty.waitFor("Paused. Press p to resume.");
    // Without a connection nothing can come.
    await vi.waitFor(async () => expect(await connectionsTo(hub)).toBe(0), waiting);
    expect(pty.text()).not.toMatch(/MB\/s|left/);
    hub.setThrottle({});
    pty.type("p");
    expect((await pty.exit).exitCode).toBe(0);
    // What was received before is not asked for again; what lay unread in a socket may be.
    expect(hub.sentBytes()).toBeLessThan(bytes * 2);
    const snapshots = join(sandbox.home, ".cache/huggingface/hub/models--demo--voice/snapshots");
    const [commit = ""] = await readdir(snapshots);
    expect((await stat(join(snapshots, commit, "model.safetensors"))).size).toBe(bytes);
  } finally {
    pty.close();
    await hub.close();
  }
});
