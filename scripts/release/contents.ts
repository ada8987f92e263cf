/** What a release is made of: the packages that are bundled, their licences, and all of it as a CycloneDX document. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Its licence files, whole. */
  readonly texts: readonly string[];
  /** Of its archive in the registry, as package-lock.json has it: `sha512-…`. */
  readonly integrity: string | null;
}

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly integrity?: string;
}

/** The packages that heros needs where it runs, in order of their names. @throws Error where one is not installed */
export function bundledPackages(root: string): BundledPackage[] {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const found = Object.entries(packages).flatMap(([place, { dev, optional, integrity }]) => {
    if (place === "" || dev === true || optional === true) return [];
    const folder = join(root, place);
    const own = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
      readonly name: string;
      readonly version: string;
      readonly license?: string;
    };
    const texts = readdirSync(folder)
      .filter((file) => /^(?:licen[cs]e|notice|copying)/iu.test(file))
      .toSorted()
      .map((file) => readFileSync(join(folder, file), "utf8").trim());
    const { name, version, license = "unknown" } = own;
    return [{ name, version, licence: license, texts, integrity: integrity ?? null }];
  });
  const key = ({ name, version }: BundledPackage): string => `${name}@${version}`;
  const once = new Map(found.map((bundled) => [key(bundled), bundled]));
  return [...once.values()].toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

export function licenceTexts(
  packages: readonly BundledPackage[],
  { nodeVersion, nodeLicence }: { readonly nodeVersion: string; readonly nodeLicence: string },
): string {
  const parts = packages.map(({ name, version, licence, texts }) =>
    [`${name} ${version} (${licence})`, ...texts].join("\n\n"),
  );
  const rule = `\n\n${"-".repeat(78)}\n\n`;
  return `${[`Node.js ${nodeVersion}\n\n${nodeLicence.trim()}`, ...parts].join(rule)}\n`;
}

/** CycloneDX 1.6; the same for the same contents. */
export function sbomOf({
  version,
  packages,
  node,
  platform,
  epochSeconds,
}: {
  readonly version: string;
  readonly packages: readonly BundledPackage[];
  readonly node: { readonly version: string; readonly integrity: string | null };
  readonly platform: string;
  readonly epochSeconds: number;
}): object {
  const components = [
    {
      type: "platform",
      name: "node",
      version: node.version,
      purl: `pkg:npm/node-${platform}@${node.version}`,
      licenses: [{ license: { id: "MIT" } }],
      ...hashesOf(node.integrity),
    },
    ...packages.map(({ name, version: own, licence, integrity }) => ({
      type: "library",
      name,
      version: own,
      purl: `pkg:npm/${name.replace("@", "%40")}@${own}`,
      licenses: [{ expression: licence }],
      ...hashesOf(integrity),
    })),
  ];
  const digest = createHash("sha256")
    .update(JSON.stringify([version, components]))
    .digest("hex");
  const uuid = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `4${digest.slice(13, 16)}`,
    `8${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join("-");
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuid}`,
    version: 1,
    metadata: {
      timestamp: new Date(epochSeconds * 1000).toISOString(),
      component: { type: "application", name: "heros", version, purl: `pkg:npm/heros@${version}` },
    },
    components,
  };
}

function hashesOf(integrity: string | null): { readonly hashes?: readonly object[] } {
  if (integrity === null) return {};
  const content = Buffer.from(integrity.replace(/^sha512-/u, ""), "base64").toString("hex");
  return { hashes: [{ alg: "SHA-512", content }] };
}
