import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const foreign = /^(node_modules|dist(-.*)?|coverage|\.git|\.tmp)$/;

export function read(path: string): Promise<string> {
  return readFile(join(root, path), "utf8");
}

/** Every file of this repository, below its root; what is fetched or built is left out. */
export async function ownFiles(): Promise<string[]> {
  const top = (await readdir(root, { withFileTypes: true })).filter(
    ({ name }) => !foreign.test(name),
  );
  const files = await Promise.all(
    top.map(async (entry) => {
      if (!entry.isDirectory()) return [entry.name];
      const inside = await readdir(join(root, entry.name), {
        recursive: true,
        withFileTypes: true,
      });
      return inside
        .filter((each) => each.isFile())
        .map((each) => relative(root, join(each.parentPath, each.name)));
    }),
  );
  return files.flat().toSorted();
}
