import { type FolderPlace, isFolder, parseFolder } from "./folder.ts";
import { calledS3, isS3, parseS3, type S3Place } from "./s3.ts";

/** A place that holds models of the Hub's kind and says by their names which: a bucket or a folder. */
export type ModelsPlace =
  | { readonly kind: "bucket"; readonly called: string; readonly bucket: S3Place }
  | { readonly kind: "folder"; readonly called: string; readonly folder: FolderPlace };

/** Whether a word of a command line, or a catalog's `source`, means such a place. */
export function isModelsPlace(text: string): boolean {
  return isS3(text) || isFolder(text);
}

/**
 * Reads `s3://…`, `file:///…`, a path and `https://…`.
 * @throws Failure `s3.bad_name`, `s3.other_store`, `folder.bad_name`, `folder.of_hub` (exit 2)
 */
export function parseModelsPlace(
  text: string,
  surroundings: { readonly cwd: string; readonly home: string },
): ModelsPlace {
  if (isFolder(text)) {
    const folder = parseFolder(text, surroundings);
    return { kind: "folder", called: folder.called, folder };
  }
  const bucket = parseS3(text);
  return { kind: "bucket", called: calledS3(bucket), bucket };
}
