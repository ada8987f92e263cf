import { expect, test } from "vitest";
import type { Files, Host } from "../../src/host/host.ts";
import { model, openScene, type Scene } from "./scene.ts";

const repo = "org/model";
const files = Array.from({ length: 80 }, (_, index) => ({
  path: `${index}.json`,
  content: `${index}`,
}));

/** The same host, on a disk that ends no sync before so many wait for it, or no more of them come. */
function withSlowSyncs({ host }: Scene, atOnce: number) {
  const seen = { most: 0 };
  let waiting: (() => void)[] = [];
  const open: Files["open"] = async (...given) => {
    const handle = await host.files.open(...given);
    const datasync = handle.datasync.bind(handle);
    const slow = async (): Promise<void> => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        seen.most = Math.max(seen.most, waiting.length);
        if (waiting.length < atOnce) return;
        for (const end of waiting) end();
        waiting = [];
      });
      await datasync();
    };
    return Object.assign(handle, { datasync: slow });
  };
  return { seen, host: { ...host, files: { ...host.files, open } } satisfies Host };
}

test("while the disk syncs small files, others are fetched and wait for it beside them", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const { host, seen } = withSlowSyncs(scene, 40);
  await scene.pull([model("m", repo)], { host });
  expect(seen.most).toBe(40);
  expect(scene.of("file.verified")).toHaveLength(80);
});
