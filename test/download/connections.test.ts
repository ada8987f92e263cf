import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { model, openScene } from "./scene.ts";

const repo = "o/m";

test.each([1, 6])(
  "--max-connections 4 is four connections to all servers together, also once addresses expire, with files: %d",
  async (count) => {
    const size = (6 * 1_000_000) / count;
    const files = Array.from({ length: count }, (_, index) => ({
      path: `${index}.safetensors`,
      sizeBytes: size,
    }));
    await using scene = await openScene({
      repos: [{ id: repo, files }],
      throttle: { bytesPerSecondPerConnection: 4 * 1_000_000 },
    });
    const ports = [scene.served.endpoint, scene.served.contentOrigin].map((url) =>
      Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0"),
    );
    const open: number[] = [];
    scene.served.setIntercept(({ origin }) => {
      if (origin === "content" && open.length % 8 === 7) scene.served.expireLinks();
      open.push(countConnections(ports));
      return undefined;
    });
    // The connections of the lists are kept before.
    const hub = scene.hub();
    await scene.survey([model("m", repo)], hub);
    await scene.pull([model("m", repo)], { hub, maxConnections: 4 });
    expect(scene.served.requests.some(({ status }) => status === 403)).toBe(true);
    expect(Math.max(...open.slice(8))).toBeLessThanOrEqual(4);
  },
);

/** From this machine to these ports, by the kernel's own list: while others connect, it may give a row twice. */
function countConnections(ports: readonly string[]): number {
  const rows = readFileSync("/proc/net/tcp", "utf8").trim().split("\n");
  const established = rows.map((row) => row.trim().split(/\s+/u)).filter((row) => row[3] === "01");
  const ours = established.filter((row) => ports.some((port) => row[2]?.endsWith(`:${port}`)));
  return new Set(ours.map((row) => row[1])).size;
}
