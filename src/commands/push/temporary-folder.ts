import path from "node:path";
import type { Host } from "../../host/host.ts";
import { removeOfDead } from "../../host/process-table.ts";

const prefix = "heros-push-";

/** A folder of this run alone, which is gone with it; those of killed ones go first. @throws Node's errors */
export async function temporaryFolder({
  env,
  files,
  pid,
}: Host): Promise<{ readonly path: string } & AsyncDisposable> {
  const named = env["TMPDIR"] ?? "";
  const place = path.isAbsolute(named) ? named : "/tmp";
  await removeOfDead(files, place, (name) =>
    name.startsWith(prefix) ? (/^(\d+)-/u.exec(name.slice(prefix.length))?.[1] ?? null) : null,
  );
  const made = await files.mkdtemp(path.join(place, `${prefix}${pid}-`));
  return {
    path: made,
    [Symbol.asyncDispose]: () => files.rm(made, { recursive: true, force: true }),
  };
}
