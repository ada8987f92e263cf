import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, milliseconds, type Figure } from "../figure.ts";
import { cleanEnv, heros, inFolder, timeNode, withHub } from "../program.ts";

const catalog = fileURLToPath(new URL("../../assets/catalogs/her-os.yaml", import.meta.url));

/**
 * `heros pull --all` where all of her-os is in the cache, beside Node that does nothing, in turn. The files are a
 * thousandth of their size, since nothing but their size is looked at.
 */
export function measureCachedPull(): Promise<Figure> {
  return withHub(["--catalog", catalog, "--scale", "0.001"], (endpoint) =>
    inFolder(async (folder) => {
      const env = cleanEnv(folder);
      const args = [...heros, "pull", "--all", "--endpoint", endpoint];
      const pull = () => timeNode([...args, "--cache-dir", join(folder, "cache")], env);
      const [cached, nothing]: [number[], number[]] = [[], []];
      // The first brings the files, the second is the first to find them there.
      for (let round = 0; round < 2; round++) pull();
      for (let round = 0; round < 15; round++) {
        nothing.push(timeNode(["-e", "0"]));
        cached.push(pull());
      }
      return {
        name: "heros pull, all cached",
        measured: milliseconds(median(cached)),
        compared: `node -e 0: ${milliseconds(median(nothing))}`,
        ratio: median(cached) / median(nothing),
        bound: 3,
      };
    }),
  );
}
