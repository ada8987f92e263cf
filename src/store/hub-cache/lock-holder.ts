import type { Files } from "../../host/host.ts";

/** Who holds a flock on the file: "python3, process 1234"; null where the system does not tell. */
export async function findLockHolder(
  files: Pick<Files, "stat" | "readFile">,
  path: string,
): Promise<string | null> {
  const inode = await files.stat(path).then(
    ({ ino }) => ino,
    () => null,
  );
  if (inode === null) return null;
  const table = await files.readFile("/proc/locks", "utf8").catch(() => "");
  for (const line of table.split("\n")) {
    const match = /FLOCK\s+\w+\s+\w+\s+(?<pid>\d+)\s+\S+:(?<inode>\d+)\s/u.exec(line);
    if (match?.groups?.["inode"] !== String(inode)) continue;
    const pid = match.groups["pid"] ?? "";
    const stat = await files.readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const parts = /\((?<name>.*)\) \S (?<parent>\d+)/su.exec(stat)?.groups;
    if (parts === undefined) return null;
    // heros holds its locks through a child of its own.
    return parts["name"] === "heros-locks"
      ? `heros, process ${parts["parent"]}`
      : `${parts["name"]}, process ${pid}`;
  }
  return null;
}
