import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, milliseconds, type Figure } from "../figure.ts";
import { cleanEnv, heros, inFolder, timeNode, withHub } from "../program.ts";

const catalog = fileURLToPath(new URL("../../assets/catalogs/her-os.yaml", import.meta.url));

/** `heros pull --all` of her-os's models, scaled down, when all of them are in the cache. */
export function measureCachedPull(): Promise<Figure> {
  return withHub(["--catalog", catalog, "--scale", "0.001"], (endpoint) =>
    inFolder(async (folder) => {
      const env = cleanEnv(folder);
      const args = [heros, "pull", "--all", "--endpoint", endpoint, "--output", "json"];
      const pull = () => timeNode([...args, "--cache-dir", join(folder, "cache")], env);
      pull();
      const times = Array.from({ length: 7 }, pull);
      const limitMs = 600;
      return {
        name: "heros pull, all cached",
        measured: milliseconds(median(times)),
        compared: milliseconds(limitMs),
        ratio: median(times) / limitMs,
        bound: 1,
      };
    }),
  );
}
