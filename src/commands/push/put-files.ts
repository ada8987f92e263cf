import { failure } from "../../run/failures/table.ts";
import type { Connection } from "../../ssh/connection.ts";
import type { Work } from "../command-request.ts";
import type { SentFile } from "./answers-there.ts";

export interface PutFiles {
  readonly connection: Connection;
  readonly files: readonly SentFile[];
  /** Another one that is there gives way. */
  readonly overwrite: boolean;
}

/** Whoever reads it sees the old one or the new. */
const putScript = `
umask 077;
folder=\${file%/*}; new="$file.heros-push";
mkdir -p "$folder" && cat >"$new" || exit 1;
if [ -e "$file" ]; then
if cmp -s "$new" "$file"; then rm -f "$new"; echo heros-same; exit; fi;
[ -n "$overwrite" ] || { rm -f "$new"; echo heros-kept; exit; };
action=updated; else action=created; fi;
chmod $mode "$new" && mv -f "$new" "$file" && echo "heros-$action"
`;

/**
 * Puts files on the other machine. One that is there and differs stays, unless it may be overwritten.
 * @returns those that stayed
 * @throws Failure `push.failed_there` (1), `push.lost` (5); AbortError
 */
export async function putFiles(
  { emit, signal }: Work,
  { connection, files, overwrite }: PutFiles,
): Promise<readonly SentFile[]> {
  const { host } = connection.address;
  const stayed: SentFile[] = [];
  for (const file of files) {
    const { stdout, stderr } = await connection.run({
      script: putScript,
      values: {
        file: file.path,
        mode: file.isPrivate ? "600" : "644",
        overwrite: overwrite ? "yes" : "",
      },
      input: file.content,
      signal,
    });
    const said = /^heros-(same|kept|updated|created)$/mu.exec(stdout)?.[1];
    const place = `${host}:${file.path}`;
    switch (said) {
      case "kept":
        stayed.push(file);
        break;
      case "same":
        emit({ type: "file.written", path: place, action: "unchanged" });
        break;
      case "created":
      case "updated":
        emit({ type: "file.written", path: place, action: said });
        break;
      default: {
        const words = stderr.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
        throw failure("push.failed_there", { host, what: `Writing ${file.path}`, said: words });
      }
    }
  }
  return stayed;
}
