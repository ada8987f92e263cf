import { isRecord, parseJson } from "../json.ts";

/** The media type of an index of images, as it calls itself. */
export function indexTypeOf(index: Buffer): string {
  const parsed = parseJson(index.toString("utf8"));
  const type = isRecord(parsed) ? parsed["mediaType"] : undefined;
  return typeof type === "string" && type !== "" ? type : "application/vnd.oci.image.index.v1+json";
}
