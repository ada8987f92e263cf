import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { transformSync } from "rolldown/utils";

// `node --import ./tsx-loader.ts entry.ts` runs sources with JSX as they are: Node itself strips types, but knows no JSX.
registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith(".tsx")) return nextLoad(url, context);
    const path = fileURLToPath(url);
    const { code, errors } = transformSync(path, readFileSync(path, "utf8"), {
      jsx: { runtime: "automatic" },
    });
    const [error] = errors;
    if (error !== undefined) throw new Error(`${path}: ${error.message}`);
    return { format: "module", source: code, shortCircuit: true };
  },
});
