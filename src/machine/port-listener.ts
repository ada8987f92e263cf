import type { Files } from "../host/host.ts";
import { late, withinLimit, type Probe } from "./time-limit.ts";

/** @param text of /proc/net/tcp or tcp6. @returns the inodes of the sockets that listen on the port */
export function parseListeners(text: string, port: number): readonly string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return text.split("\n").flatMap((line) => {
    const cells = line.trim().split(/\s+/);
    const [, local, , state] = cells;
    const inode = cells[9];
    return state === "0A" && local?.endsWith(`:${wanted}`) === true && inode !== undefined
      ? [inode]
      : [];
  });
}

/** The program that listens on the port; null where it belongs to another user. */
export async function askListener(
  probe: Probe,
  port: number,
): Promise<{ readonly name: string; readonly pid: number } | null> {
  const { files } = probe.host;
  const found = await withinLimit(probe, async () => {
    const tables = await Promise.all(
      ["/proc/net/tcp", "/proc/net/tcp6"].map((path) =>
        files.readFile(path, "utf8").catch(() => ""),
      ),
    );
    const sockets = new Set(
      tables.flatMap((table) => parseListeners(table, port)).map((inode) => `socket:[${inode}]`),
    );
    if (sockets.size === 0) return null;
    const pids = (await files.readdir("/proc").catch(() => [])).filter((name) =>
      /^\d+$/.test(name),
    );
    const holders = await Promise.all(pids.map((pid) => holds(files, pid, sockets)));
    const pid = pids.find((_, index) => holders[index]);
    if (pid === undefined) return null;
    const name = await files.readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
    return { name: name.trim() || "a program", pid: Number(pid) };
  });
  return found === late ? null : found;
}

/** Only the processes of this user can be looked into, unless that is root. */
async function holds(files: Files, pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const descriptors = await files.readdir(folder).catch(() => []);
  const links = await Promise.all(
    descriptors.map((name) => files.readlink(`${folder}/${name}`).catch(() => "")),
  );
  return links.some((link) => sockets.has(link));
}
