import { z } from "zod";
import { parseJson } from "../run/json.ts";
import { commitPattern, fileThatIsFolder } from "../run/repos/file-listing.ts";
import { isRepoId, isSafePath } from "./hub/listing.ts";
import { calledModel, type PlacedFile, type PlacedModel } from "./placed-models.ts";

/** Beside the models: which there are, and what each file hashes to. */
export const manifestName = "heros-manifest.json";
export const maxManifestBytes = 64 * 1024 * 1024;
export const manifestTooLarge = "it has more than 64 MiB";
const most = { models: 10_000, files: 200_000 };

const size = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const sha1 = z.string().regex(/^[0-9a-f]{40}$/u);
/** As the Hub names the content: its sha256, or the sha1 that git gives it. */
const fileSchema = z.union([
  z.object({ path: z.string().refine(isSafePath), size, sha256 }),
  z.object({ path: z.string().refine(isSafePath), size, gitSha1: sha1 }),
]);
const modelSchema = z.object({
  repo: z.string().refine(isRepoId),
  revision: z.string().refine(isSafePath),
  commit: z.string().regex(commitPattern),
  files: z.array(fileSchema).min(1).max(most.files),
});
const schema = z.object({ schema: z.literal(1), models: z.array(modelSchema).max(most.models) });

/** `PREFIX/OWNER/REPO/COMMIT/path`: any tool can read it. */
export function keyOf(
  { prefix }: { readonly prefix: string },
  { repo, commit, path }: { readonly repo: string; readonly commit: string; readonly path: string },
): string {
  return below(prefix, `${repo}/${commit}/${path}`);
}

export function below(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}/${name}`;
}

export interface ManifestReading {
  readonly bytes: Buffer;
  /** Of the files, as `keyOf` takes it. */
  readonly prefix: string;
  /** Makes the failure that says what is wrong with it. */
  readonly bad: (problem: string, cause?: unknown) => Error;
}

/** @throws what `bad` makes */
export function parseManifest({ bytes, prefix, bad }: ManifestReading): PlacedModel[] {
  const value = parseJson(bytes.toString("utf8"));
  if (value === null || value === undefined) throw bad("it is not JSON");
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue === undefined || issue.path.length === 0 ? "it" : issue.path.join(".");
    throw bad(`${at} is not as it should be`, parsed.error);
  }
  const named = new Set<string>();
  return parsed.data.models.map(({ repo, revision, commit, files }) => {
    const name = calledModel({ repo, revision });
    if (named.has(name)) throw bad(`${name} is in it twice`);
    named.add(name);
    const paths = new Set(files.map(({ path }) => path));
    if (paths.size < files.length) throw bad(`${repo} has two files of the same name`);
    const both = fileThatIsFolder(paths);
    if (both !== undefined) throw bad(`${both} of ${repo} is a file and a folder`);
    return {
      repo,
      revision,
      commit,
      files: files.map((file): PlacedFile => {
        const { path, size: sizeBytes } = file;
        const key = keyOf({ prefix }, { repo, commit, path });
        return "sha256" in file
          ? {
              path,
              sizeBytes,
              key,
              blobName: file.sha256,
              hash: { algorithm: "sha256", hex: file.sha256 },
            }
          : {
              path,
              sizeBytes,
              key,
              blobName: file.gitSha1,
              hash: { algorithm: "git-sha1", hex: file.gitSha1 },
            };
      }),
    };
  });
}

export function manifestText(models: readonly PlacedModel[]): string {
  const written = models.map(({ repo, revision, commit, files }) => ({
    repo,
    revision,
    commit,
    files: files.map(({ path, sizeBytes, hash }) => ({
      path,
      size: sizeBytes,
      [hash.algorithm === "sha256" ? "sha256" : "gitSha1"]: hash.hex,
    })),
  }));
  return `${JSON.stringify({ schema: 1, models: written }, null, 1)}\n`;
}

/** With this model in the place of an earlier one of its name; of the same commit, files that were there stay. */
export function withModel(models: readonly PlacedModel[], added: PlacedModel): PlacedModel[] {
  const isSame = ({ repo, revision }: PlacedModel): boolean =>
    repo === added.repo && revision === added.revision;
  const before = models.find((model) => isSame(model) && model.commit === added.commit);
  const files = new Map(
    [...(before?.files ?? []), ...added.files].map((file) => [file.path, file]),
  );
  const merged = { ...added, files: [...files.values()] };
  return [...models.filter((model) => !isSame(model)), merged].toSorted((a, b) =>
    `${a.repo}@${a.revision}` < `${b.repo}@${b.revision}` ? -1 : 1,
  );
}
