import type { Files } from "../host/host.ts";
import { dmiFiles, type Dmi } from "./product.ts";
import { late, withinLimit, type Probe } from "../host/time-limit.ts";

/** The text of a small file; null where it can't be read or is not there. */
export async function readText(files: Files, path: string): Promise<string | null> {
  try {
    return await files.readFile(path, "utf8");
  } catch {
    return null;
  }
}

/** As `readText`, and null too where the file system does not answer in time. */
export async function readTextInTime(probe: Probe, path: string): Promise<string | null> {
  const text = await withinLimit(probe, () => readText(probe.host.files, path));
  return text === late ? null : text;
}

/** The `vendor:device` numbers of everything on the PCI bus. */
export async function readPciIds(probe: Probe): Promise<readonly string[]> {
  const { files } = probe.host;
  const root = "/sys/bus/pci/devices";
  const ids = await withinLimit(probe, async () => {
    const slots = await files.readdir(root).catch(() => []);
    return Promise.all(
      slots.map(async (slot) => {
        const [vendor, device] = await Promise.all([
          readText(files, `${root}/${slot}/vendor`),
          readText(files, `${root}/${slot}/device`),
        ]);
        return `${hex(vendor)}:${hex(device)}`;
      }),
    );
  });
  return ids === late ? [] : ids;
}

function hex(text: string | null): string {
  return (text ?? "").trim().toLowerCase().replace(/^0x/, "");
}

/** What the firmware calls the machine. */
export async function readDmi(probe: Probe): Promise<Dmi> {
  const read = (file: string): Promise<string | null> =>
    readTextInTime(probe, `/sys/class/dmi/id/${file}`);
  const [vendor, product, version, board] = await Promise.all([
    read(dmiFiles.vendor),
    read(dmiFiles.product),
    read(dmiFiles.version),
    read(dmiFiles.board),
  ]);
  return { vendor, product, version, board };
}
