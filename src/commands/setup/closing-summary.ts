import path from "node:path";
import type { Online } from "../command-request.ts";
import { stackFlag } from "../../deploy/compose/compose-files.ts";
import { lookupIn, readStackEnv } from "../../deploy/compose/env/env-file.ts";
import { findOnPath, isThere } from "../../host/places.ts";
import type { Stack } from "../../catalog/stack.ts";
import type { Host } from "../../host/host.ts";
import { capabilityTitle } from "../../catalog/capabilities.ts";
import type { PlanReady } from "../../run/events/plan.ts";
import { quoted } from "../../run/shell-quote.ts";
import { formatBytes, formatDuration, formatSeconds } from "../../run/units.ts";

export interface Ending {
  /** Of the world in which the stack runs. */
  readonly host: Host;
  readonly stack: Stack;
  readonly online: Online;
  readonly plan: PlanReady;
}

/** The closing page of a setup that worked: "Label: value", or an address alone. */
export async function closingSummary(
  { host, stack, online, plan }: Ending,
  /** Absolute: the folder that ships with heros. */
  assetsDir: string,
): Promise<string[]> {
  const heros = (await installedCommand(host, assetsDir)) ?? "heros";
  return [
    online.url,
    ...(await laptopLines(host, stack, plan.stackDir, online.url, heros)),
    ...abilityLines(plan, stack),
    ...testedLines(online),
    modelsLine(online, plan),
    `Next: ${heros} status, ${heros} doctor`,
    `Stop it: ${heros} down${stackFlag(host, stack, plan.stackDir)}`,
  ];
}

/** The closing page of a demo. `host` is the real one, `kept` the demo's folder where it stays. */
export async function demoSummary(
  { online, plan }: Pick<Ending, "plan"> & { readonly online: Online | null },
  {
    host,
    stack,
    assetsDir,
    nodePath,
    kept,
  }: {
    readonly host: Host;
    readonly stack: Stack;
    readonly assetsDir: string;
    readonly nodePath: string;
    readonly kept: string | null;
  },
): Promise<string[]> {
  const heros =
    (await installedCommand(host, assetsDir)) ?? (await checkoutCommand(host, assetsDir, nodePath));
  return [
    ...(online === null
      ? dryRunSummary(plan)
      : [...abilityLines(plan, stack), modelsLine(online, plan)]),
    `Simulated: the machine, Docker, the Hub and {assistant}; ${kept === null ? "nothing of it is left" : `kept in ${kept}`}`,
    ...(installedFolder(assetsDir) === null
      ? []
      : [`Installed: heros itself; to remove it: ${heros} uninstall`]),
    `For real: ${heros} setup`,
  ];
}

/** The closing page of a dry run. */
export function dryRunSummary(plan: PlanReady): string[] {
  const missingBytes = [plan, ...(plan.images ?? [])].reduce(
    (sum, { totalBytes, cachedBytes }) => sum + totalBytes - cachedBytes,
    0,
  );
  const changed = plan.files.filter((file) => file.action !== "unchanged");
  const isInStack = ({ path: file }: { readonly path: string }): boolean =>
    file.startsWith(`${plan.stackDir}/`);
  const inStack = changed.filter(isInStack).length;
  const elsewhere = changed
    .filter((file) => !isInStack(file))
    .map((file) => `, write ${file.path}`);
  return [
    "This was a dry run: nothing was written or downloaded.",
    `heros setup would write ${inStack} ${inStack === 1 ? "file" : "files"} in ${plan.stackDir}${elsewhere.join("")} and download ${formatBytes(missingBytes)} into ${plan.cacheDir}.`,
  ];
}

function abilityLines({ capabilities = [] }: PlanReady, stack: Stack): string[] {
  const isNightly = (name: string) => stack.capabilities[name]?.nightly === true;
  const names = (nightly: boolean) =>
    capabilities
      .filter((name) => isNightly(name) === nightly)
      .map((name) => capabilityTitle({ stack }, name));
  const [now, tonight] = [names(false), names(true)];
  return [
    ...(now.length === 0 ? [] : [`Ready: ${now.join(", ")}`]),
    ...(tonight.length === 0 ? [] : [`Tonight: ${tonight.join(", ")}`]),
  ];
}

function testedLines({ answeredInMs }: Online): string[] {
  if (answeredInMs === null) return [];
  return [`Tested: answered a test question in ${formatSeconds(answeredInMs)}`];
}

function modelsLine({ fetchedBytes, downloadedInMs }: Online, plan: PlanReady): string {
  const size = formatBytes(plan.totalBytes);
  const imageBytes = (plan.images ?? []).reduce((sum, { totalBytes }) => sum + totalBytes, 0);
  const images = imageBytes === 0 ? "" : `images ${formatBytes(imageBytes)}, `;
  const came = `downloaded and verified in ${formatDuration(Math.max(1, downloadedInMs / 1000))}`;
  if (fetchedBytes > 0) return `Models: ${size}, ${images}${came}`;
  return `Models: ${size}, all cached before${images === "" ? "" : `; ${images}${came}`}`;
}

/** How it is reached from another machine: by a tunnel, or directly where it is bound to the network. */
export async function laptopLines(
  host: Host,
  stack: Pick<Stack, "id" | "port">,
  stackDir: string,
  url: string,
  heros = "heros",
): Promise<string[]> {
  const { hostname, port } = new URL(url);
  const name = await hostName(host);
  // Bound to one address of the network, it is reached there.
  if (name === null || !/^(127\..*|localhost|\[::1\])$/.test(hostname)) return [];
  const env = await readStackEnv(host, stackDir).catch(() => null);
  const variable = stack.port?.bind ?? null;
  const bind =
    variable === null
      ? null
      : (host.env[variable] ?? (env === null ? null : lookupIn(env)(variable)));
  if (bind === "0.0.0.0" || bind === "::" || bind === "[::]") {
    return [`From your laptop: http://${name}:${port}`];
  }
  const setting = path.join(stackDir, ".env");
  return [
    `From your laptop: ssh -L ${port}:localhost:${port} ${name}`,
    ...(variable !== null && (await hasBindSetting(host, stackDir, variable))
      ? [
          `To open it to your network: ${variable}=0.0.0.0 in ${setting}, then ${heros} up${stackFlag(host, stack, stackDir)}`,
        ]
      : []),
  ];
}

/** Not where the user's own compose file publishes it at an address that it names itself. */
async function hasBindSetting(
  { files }: Host,
  stackDir: string,
  variable: string,
): Promise<boolean> {
  for (const name of ["docker-compose.yml", "docker-compose.heros.yml"]) {
    const text = await files.readFile(path.join(stackDir, name), "utf8").catch(() => "");
    if (text.includes(`\${${variable}`)) return true;
  }
  return false;
}

async function hostName({ files }: Host): Promise<string | null> {
  const text = await files.readFile("/proc/sys/kernel/hostname", "utf8").catch(() => "");
  const name = text.trim();
  return /^[\w.-]+$/.test(name) && name !== "localhost" ? name : null;
}

/** How heros is started in a shell as it is now: by its name where it is on PATH, else by where it lies; null where it was not installed. */
async function installedCommand(host: Host, assetsDir: string): Promise<string | null> {
  if ((await findOnPath(host, "heros")) !== null) return "heros";
  const folder = installedFolder(assetsDir);
  const usual = path.join(host.home, ".local/bin/heros");
  const launchers = [...(folder === null ? [] : [path.join(folder, "../../bin/heros")]), usual];
  for (const launcher of launchers)
    if (await isThere(host, launcher)) return shellPath(host, launcher);
  return null;
}

/** How heros is started from a checkout: as short as it works here, for a command in two rows can't be copied. */
async function checkoutCommand(host: Host, assetsDir: string, nodePath: string): Promise<string> {
  const { cwd, files } = host;
  const entry = path.join(assetsDir, "../bin/heros.js");
  const below = path.relative(cwd, entry);
  const real = (file: string) => files.realpath(file).catch(() => null);
  const onPath = await findOnPath(host, "node");
  const isOnPath = onPath !== null && (await real(onPath)) === (await real(nodePath));
  const node = isOnPath ? "node" : quoted(nodePath);
  return `${node} ${quoted(below.startsWith("..") ? entry : below)}`;
}

/** Where install.sh put this heros, `~/.local/share/heros`; null for one that it did not install. */
function installedFolder(assetsDir: string): string | null {
  return (
    /^(?<folder>.+)\/versions\/[^/]+\/app\/assets\/?$/.exec(assetsDir)?.groups?.["folder"] ?? null
  );
}

function shellPath({ home }: Host, file: string): string {
  const below = path.relative(home, file);
  return below.startsWith("..")
    ? quoted(file)
    : `~/${below === quoted(below) ? below : quoted(below)}`;
}
