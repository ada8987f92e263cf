import path from "node:path";
import { z } from "zod";
import { writeAtomically } from "../host/text-files.ts";
import type { Host } from "../host/host.ts";
import { parseJson } from "../run/json.ts";

const made = z.discriminatedUnion("kind", [
  /** Removed where it still is a launcher of ours. */
  z.object({ kind: z.literal("launcher"), path: z.string() }),
  /** Removed where it still leads into this installation. */
  z.object({ kind: z.literal("link"), path: z.string(), target: z.string() }),
  /** A line in a shell's file; with `whole`, the file was made for it. */
  z.object({
    kind: z.literal("line"),
    path: z.string(),
    line: z.string(),
    whole: z.boolean(),
  }),
  /** Removed once it is empty. */
  z.object({ kind: z.literal("folder"), path: z.string() }),
]);

/** Something that heros made outside of its data folder, which uninstalling undoes. */
export type Made = z.infer<typeof made>;

const shape = z.object({ schema: z.literal(1), made: z.array(z.unknown()) });

function fileOf(data: string): string {
  return path.join(data, "manifest.json");
}

/** All that was made, in order. What a later heros notes and this one doesn't know is left out. */
export async function readManifest(
  { files }: Pick<Host, "files">,
  data: string,
): Promise<readonly Made[]> {
  return (await readEntries({ files }, data)).flatMap((entry) => made.safeParse(entry).data ?? []);
}

async function readEntries({ files }: Pick<Host, "files">, data: string): Promise<unknown[]> {
  const text = await files.readFile(fileOf(data), "utf8").catch(() => "");
  return shape.safeParse(parseJson(text)).data?.made ?? [];
}

/** Notes it before it is made: killed between the two, uninstalling finds nothing there, and that is no harm. */
export async function noteMade(
  host: Pick<Host, "files" | "pid" | "random">,
  data: string,
  entry: Made,
): Promise<void> {
  const entries = await readEntries(host, data);
  const isSame = (other: unknown): boolean => JSON.stringify(other) === JSON.stringify(entry);
  if (entries.some(isSame)) return;
  const content = `${JSON.stringify({ schema: 1, made: [...entries, entry] }, null, 2)}\n`;
  await writeAtomically({ host, path: fileOf(data), content, mode: 0o644 });
}
