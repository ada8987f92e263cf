import type { Host } from "../../src/host/host.ts";
import type { Moment, World } from "./matrix.ts";

type Written = [content: Buffer, offset: number, length: number, position: number];

const full = (): Error => Object.assign(new Error("no space left on device"), { code: "ENOSPC" });

/** The same host, on a disk that has no room left for the spot's byte; during verification, none for the last lines and names. */
export function withRoomUntil({ host, spot }: World, moment: Moment): Host {
  const verifying = moment === "during verification";
  const ofSpot = (path: unknown): boolean => String(path).includes(`${spot.blobName}.heros-`);
  const open = async (...parameters: Parameters<Host["files"]["open"]>) => {
    const handle = await host.files.open(...parameters);
    if (!ofSpot(parameters[0]) || verifying) return handle;
    const write = handle.write.bind(handle) as (...given: Written) => Promise<unknown>;
    const journal = String(parameters[0]).includes("journal");
    return Object.assign(handle, {
      async write(...given: Written): Promise<unknown> {
        const [, , length, position] = given;
        const holdsIt = position <= spot.at && spot.at < position + length;
        if (!journal && holdsIt) throw full();
        return write(...given);
      },
      writeFile: async (): Promise<void> => {
        throw full();
      },
    });
  };
  const rename: Host["files"]["rename"] = async (from, to) => {
    if (verifying && String(to).endsWith(spot.blobName)) throw full();
    await host.files.rename(from, to);
  };
  return { ...host, files: { ...host.files, open, rename } };
}
