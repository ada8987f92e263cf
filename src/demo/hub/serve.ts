/**
 * A Hub as a process of its own, for benchmarks and for tests that are shell scripts:
 *
 *     node src/demo/hub/serve.ts --catalog assets/catalogs/her-os.yaml --scale 0.01
 *     node src/demo/hub/serve.ts --file demo/big:model.safetensors:2000000000
 *
 * Prints one JSON line with its addresses; ends when its stdin does, or at SIGTERM.
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { parseCatalog } from "../../catalog/load.ts";
import { reposForCatalog } from "./catalog-repos.ts";
import { startHub } from "./hub.ts";
import type { RepoSpec } from "./repository.ts";

const { values } = parseArgs({
  options: {
    catalog: { type: "string" },
    scale: { type: "string", default: "0.01" },
    /** REPO:PATH:BYTES, any number of them. */
    file: { type: "string", multiple: true, default: [] },
    /** TOKEN:NAME */
    token: { type: "string", multiple: true, default: [] },
    port: { type: "string", default: "0" },
    "page-size": { type: "string", default: "1000" },
    "bytes-per-second": { type: "string" },
    "bytes-per-second-per-connection": { type: "string" },
    "latency-ms": { type: "string" },
    /** Goes on without a stdin, until SIGTERM. */
    detached: { type: "boolean", default: false },
  },
});

const repos: RepoSpec[] = [];
if (values.catalog !== undefined) {
  const catalog = parseCatalog(await readFile(values.catalog, "utf8"), values.catalog);
  repos.push(...reposForCatalog(catalog, { scale: Number(values.scale) }));
}
const files = values.file.map((text) => {
  const [id = "", path = "", bytes = "0"] = text.split(":");
  return { id, path, sizeBytes: Number(bytes) };
});
for (const [id, group] of Map.groupBy(files, (file) => file.id)) {
  repos.push({ id, files: group.map(({ path, sizeBytes }) => ({ path, sizeBytes })) });
}

const hub = await startHub({
  repos,
  tokens: Object.fromEntries(values.token.map((text) => text.split(":") as [string, string])),
  port: Number(values.port),
  pageSize: Number(values["page-size"]),
  throttle: {
    ...given("bytesPerSecond", values["bytes-per-second"]),
    ...given("bytesPerSecondPerConnection", values["bytes-per-second-per-connection"]),
    ...given("latencyMs", values["latency-ms"]),
  },
});
const end = () => {
  process.stdin.destroy();
  void hub.close();
};
process.once("SIGTERM", end);
process.once("SIGINT", end);
if (!values.detached) process.stdin.resume().once("end", end).once("error", end);

// Last: whoever reads this may end the process at once.
const { endpoint, contentOrigin } = hub;
process.stdout.write(
  `${JSON.stringify({ endpoint, contentOrigin, repos: repos.map(({ id }) => ({ id, commit: hub.commit(id) })) })}\n`,
);

function given(name: string, value: string | undefined): Record<string, number> {
  return value === undefined ? {} : { [name]: Number(value) };
}
