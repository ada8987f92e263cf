import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Files } from "../host/host.ts";
import { type HubFile, isSafePath } from "./listing.ts";

/** Listings of commits never change, so each is asked for once. */
export interface KeptListings {
  /** Null where there is none, or where it is torn or wrong: it is asked for again then. */
  read(repo: string, commit: string): Promise<readonly HubFile[] | null>;
  /** A listing that can't be kept is not an error: the next run asks again. */
  write(repo: string, commit: string, files: readonly HubFile[]): Promise<void>;
}

const hex = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/u);
const keptListing = z.object({
  v: z.literal(1),
  repo: z.string(),
  commit: z.string(),
  files: z.array(
    z.object({
      path: z.string().refine(isSafePath),
      sizeBytes: z.number().int().nonnegative(),
      blobName: hex,
      hash: z.object({ algorithm: z.enum(["sha256", "git-sha1"]), hex }),
    }),
  ),
});

export function keptListings(
  files: Pick<Files, "readFile" | "writeFile" | "rename" | "mkdir">,
  folder: string | null,
): KeptListings {
  return {
    async read(repo, commit) {
      if (folder === null) return null;
      const text = await files.readFile(pathOf(folder, repo, commit), "utf8").catch(() => "");
      const parsed = keptListing.safeParse(parse(text));
      if (!parsed.success) return null;
      const { data } = parsed;
      return data.repo === repo && data.commit === commit ? data.files : null;
    },
    async write(repo, commit, list) {
      if (folder === null) return;
      const path = pathOf(folder, repo, commit);
      const body = `{"v":1,"repo":${JSON.stringify(repo)},"commit":"${commit}","files":[\n${list
        .map((file) => JSON.stringify(file))
        .join(",\n")}\n]}\n`;
      const passing = `${path}.${createHash("sha1").update(body).digest("hex").slice(0, 8)}.tmp`;
      await files
        .mkdir(dirname(path), { recursive: true })
        .then(() => files.writeFile(passing, body))
        .then(() => files.rename(passing, path))
        .catch(() => {});
    },
  };
}

function pathOf(root: string, repo: string, commit: string): string {
  return join(root, `${repo.replace("/", "--")}@${commit}.json`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
