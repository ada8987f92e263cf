import type { Host } from "../host/host.ts";
import { ownUid } from "../host/own-file.ts";
import type { Notice } from "../progress/events/run.ts";
import { quoted } from "../progress/shell.ts";

/** What `sudo heros setup` means, which is seldom what was meant; null where nobody came by sudo. */
export async function rootNotice(host: Host, stackDir: string): Promise<Notice | null> {
  const user = host.env["SUDO_USER"] ?? "";
  if (user === "" || user === "root" || (await ownUid(host.files)) !== 0) return null;
  return {
    type: "notice",
    level: "warning",
    code: "setup.as_root",
    message: `heros is running as root: Annie's files in ${stackDir} and her models will belong to root, not to ${user}.`,
    hint: `To keep them as ${user}, cancel and run heros setup without sudo. If Docker refuses: sudo usermod -aG docker ${quoted(user)}, then log in again.`,
  };
}
