/**
 * What a release is made of: the packages that are bundled, their licences, and all of it as a CycloneDX document. The build
 * leaves the first two beside the bundle, for it alone knows what of `node_modules` is in it.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Of its archive in the registry, as package-lock.json has it: `sha512-…`. */
  readonly integrity: string | null;
}

/** In `dist`. npm's package has the licences, a release has them with Node's. */
export const contentFiles = { packages: "packages.json", licences: "THIRD-PARTY-LICENSES.txt" };

/** Who holds the copyright of what is under MIT and comes without a licence file; as its sources say. */
const holders: Readonly<Record<string, string>> = {
  "yoga-layout": "Copyright (c) Meta Platforms, Inc. and affiliates.",
};

/**
 * Writes both into the folder of a build.
 * @param places of the packages that are in the bundle, below the root: `node_modules/ink`
 * @throws Error where the licence of one of them is not known
 */
export function writeContents({
  root,
  dist,
  places,
}: {
  readonly root: string;
  readonly dist: string;
  readonly places: readonly string[];
}): void {
  const { packages: locked } = JSON.parse(
    readFileSync(join(root, "package-lock.json"), "utf8"),
  ) as {
    readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
  };
  // The same version may be in two places.
  const bundled = new Map<string, { readonly own: BundledPackage; readonly text: string }>();
  for (const place of places) {
    const { name, version, license } = JSON.parse(
      readFileSync(join(root, place, "package.json"), "utf8"),
    ) as Readonly<Record<"name" | "version" | "license", string>>;
    const own = { name, version, licence: license, integrity: locked[place]?.integrity ?? null };
    const text = `${name} ${version} (${license})\n\n${licenceText(join(root, place), own)}`;
    bundled.set(`${name}@${version}`, { own, text });
  }
  const sorted = [...bundled]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([, each]) => each);
  const own = sorted.map((each) => each.own);
  const put = (file: string, content: string): void => writeFileSync(join(dist, file), content);
  put(contentFiles.packages, `${JSON.stringify(own, null, 2)}\n`);
  put(contentFiles.licences, `${sorted.map(({ text }) => text).join(rule)}\n`);
}

function licenceText(folder: string, { name, version, licence }: BundledPackage): string {
  const texts = readdirSync(folder)
    .filter((file) => /^(?:licen[cs]e|notice|copying)/iu.test(file))
    .toSorted()
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  if (texts.length > 0) return texts.join("\n\n");
  const holder = holders[name];
  if (licence !== "MIT" || holder === undefined)
    throw new Error(
      `${name} ${version} (${licence}) has no licence file: add it to ${import.meta.url}`,
    );
  const mit = readFileSync(new URL("mit.txt", import.meta.url), "utf8").trim();
  return mit.replace("\n", () => `\n\n${holder}\n`);
}

const rule = `\n\n${"-".repeat(78)}\n\n`;

/** What `writeContents` has written; the licences with that of Node. */
export function readContents(
  dist: string,
  { nodeVersion, nodeLicence }: { readonly nodeVersion: string; readonly nodeLicence: string },
): { readonly packages: readonly BundledPackage[]; readonly licences: string } {
  const read = (file: string): string => readFileSync(join(dist, file), "utf8");
  const packages = JSON.parse(read(contentFiles.packages)) as readonly BundledPackage[];
  const ofNode = `Node.js ${nodeVersion}\n\n${nodeLicence.trim()}`;
  return { packages, licences: `${ofNode}${rule}${read(contentFiles.licences)}` };
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
