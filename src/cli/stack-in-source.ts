import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const frame = /(?<file>(?:file:\/\/)?\/[^\s():]+\.js):(?<line>\d+):(?<column>\d+)/gu;

/** The stack of a built program with the files and lines of its sources; a frame that has no source map stays as it is. */
export function stackInSource(stack: string): string {
  const maps = new Map<string, SourceMap | null>();
  return stack.replaceAll(frame, (text: string, file: string, line: string, column: string) => {
    const built = file.startsWith("file:") ? fileURLToPath(file) : file;
    const map = maps.get(built) ?? readMap(built);
    maps.set(built, map);
    const found = map?.findEntry(Number(line) - 1, Number(column) - 1);
    if (found === undefined || !("originalSource" in found)) return text;
    const source = path.resolve(path.dirname(built), found.originalSource);
    // The build is two folders below the root.
    const shown = path.relative(path.resolve(path.dirname(built), "../.."), source);
    return `${shown}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  });
}

function readMap(built: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${built}.map`, "utf8")) as SourceMapPayload);
  } catch {
    return null;
  }
}
