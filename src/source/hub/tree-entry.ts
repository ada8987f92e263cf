import { z } from "zod";
import type { ListedFile } from "../../run/listing.ts";

const sha1 = z.string().regex(/^[0-9a-f]{40}$/u);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const size = z.number().int().nonnegative();

const treeFile = z.object({
  type: z.literal("file"),
  path: z.string(),
  size,
  oid: sha1,
  lfs: z.object({ oid: sha256, size }).optional(),
});
const treeOther = z.object({ type: z.enum(["directory", "unknown"]) });

/** One entry of the Hub's tree, as GET /api/models/{id}/tree/{commit} gives it. */
export const treeEntry = z.discriminatedUnion("type", [treeFile, treeOther]);

/** What a tree entry says of a file; null for a folder. */
export function fileOfEntry(entry: z.infer<typeof treeEntry>): ListedFile | null {
  if (entry.type !== "file") return null;
  const { path, lfs, oid } = entry;
  return lfs === undefined
    ? { path, sizeBytes: entry.size, blobName: oid, hash: { algorithm: "git-sha1", hex: oid } }
    : {
        path,
        sizeBytes: lfs.size,
        blobName: lfs.oid,
        hash: { algorithm: "sha256", hex: lfs.oid },
      };
}
