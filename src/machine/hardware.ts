import {
  late,
  type Late,
  type Probe,
  readText,
  readTextInTime,
  withinLimit,
} from "../host/time-limit.ts";

/** What was read on the machine; null where there is no such thing. */
export interface ProductEvidence {
  /** All of /etc/dgx-release. */
  readonly dgxRelease: string | null;
  /** All of /etc/fastos-release. */
  readonly fastosRelease: string | null;
  /** `10de:2e12`. */
  readonly pciIds: readonly string[];
  /** As nvidia-smi names them. */
  readonly gpuNames: readonly string[];
  readonly dmi: Dmi;
}

export interface Product {
  readonly spark: boolean;
  /** "NVIDIA DGX Spark", "ASUS GX10"; null where nothing names it. */
  readonly label: string | null;
  /** Of DGX OS. */
  readonly osVersion: string | null;
}

const gb10 = "10de:2e12";
/** Laptops with a sister chip, which run the same FastOS. */
const n1x = new Set(["10de:2e03", "10de:2e06", "10de:2e2a"]);

/**
 * Tells a machine of the DGX Spark family, whoever built it: by NVIDIA's release files, by the GPU on the bus, by the GPU's
 * name. What the firmware calls the machine only labels it: every maker says something else.
 * "JMJWOA-Generic-GPU" proves nothing, since N1X laptops report it too.
 */
export function recogniseProduct(evidence: ProductEvidence): Product {
  const dgx = evidence.dgxRelease === null ? null : parseDgxRelease(evidence.dgxRelease);
  const fastos =
    evidence.fastosRelease === null ? null : parseFastosRelease(evidence.fastosRelease);
  const laptop = fastos === "n1x" || evidence.pciIds.some((id) => n1x.has(id));
  const spark =
    !laptop &&
    (dgx?.spark === true ||
      fastos === "spark" ||
      evidence.pciIds.includes(gb10) ||
      evidence.gpuNames.some((name) => /\bGB10\b/.test(name)));
  return {
    spark,
    label:
      productLabel(evidence.dmi) ??
      dgx?.prettyName ??
      (spark ? "NVIDIA GB10 machine" : laptop ? "NVIDIA N1X machine" : null),
    osVersion: dgx?.version ?? null,
  };
}

/** What the firmware says of the machine, without any number that tells one machine from another. */
export interface Dmi {
  readonly vendor: string | null;
  readonly product: string | null;
  readonly version: string | null;
  readonly board: string | null;
}

/** The files of /sys/class/dmi/id that are read; serial numbers and the UUID are not among them. */
export const dmiFiles = {
  vendor: "sys_vendor",
  product: "product_name",
  version: "product_version",
  board: "board_name",
} as const;

const vendors: readonly (readonly [RegExp, string])[] = [
  [/^nvidia/i, "NVIDIA"],
  [/^asus/i, "ASUS"],
  [/^dell/i, "Dell"],
  [/^(hp|hewlett)/i, "HP"],
  [/^lenovo/i, "Lenovo"],
  [/^(msi|micro-star)/i, "MSI"],
  [/^acer/i, "Acer"],
  [/^giga-?byte/i, "Gigabyte"],
];

const placeholders =
  /^(none|n\/a|unknown|default string|not (specified|applicable|available)|to be filled by o\.?e\.?m\.?|system (product name|version|manufacturer)|0+|x+|\.+)?$/i;

function meaning(text: string | null): string | null {
  const trimmed = text?.replaceAll("\0", "").trim() ?? "";
  return placeholders.test(trimmed) ? null : trimmed;
}

/** "ASUS GX10", "Lenovo ThinkStation PGX", "MSI EdgeXpert"; null where the firmware names nothing. */
export function productLabel(dmi: Dmi): string | null {
  const vendor = meaning(dmi.vendor);
  const product = meaning(dmi.product);
  const maker = vendors.find(([pattern]) => vendor !== null && pattern.test(vendor))?.[1] ?? vendor;
  const name = nameOf(maker, { product, version: meaning(dmi.version), board: meaning(dmi.board) });
  if (name === null) return null;
  if (/^nvidia[ _]dgx[ _]spark$/i.test(name)) return "NVIDIA DGX Spark";
  const words = name.replaceAll("_", " ");
  return maker === null || words.toLowerCase().startsWith(maker.toLowerCase())
    ? words
    : `${maker} ${words}`;
}

function nameOf(
  maker: string | null,
  { product, version, board }: Omit<Dmi, "vendor">,
): string | null {
  // Lenovo's product name is an order number, and its version the name that a person knows.
  if (maker === "Lenovo" && version !== null) return version;
  // MSI's is a board number, and the board's name says "EdgeXpert (MS-C931)".
  const boardName = board?.replace(/\s*\(MS-[0-9A-Z]+\)\s*$/i, "") ?? null;
  if (maker === "MSI" && product !== null && /^MS-/i.test(product)) return boardName ?? product;
  return product ?? boardName;
}

/** `KEY=value` and `KEY="value"` lines, as in os-release; where a key is repeated the last one counts. */
function parsePairs(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^\s*([A-Z0-9_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    pairs.set(match[1], match[2].replace(/^(["'])(.*)\1$/, "$2"));
  }
  return pairs;
}

/** What /etc/dgx-release says. The serial number in it is left where it is. */
export interface DgxRelease {
  readonly spark: boolean;
  readonly prettyName: string | null;
  /** Of DGX OS: the last update taken, else the image it was installed from. */
  readonly version: string | null;
}

/** @param text all of /etc/dgx-release. Other DGX machines have one too: "DGX Server", "DGX GB300WS". */
export function parseDgxRelease(text: string): DgxRelease {
  const pairs = parsePairs(text);
  const names = [pairs.get("DGX_NAME"), pairs.get("DGX_PRETTY_NAME")];
  return {
    spark: names.some((name) => name !== undefined && /\bdgx[ _-]?spark\b/i.test(name)),
    prettyName: pairs.get("DGX_PRETTY_NAME") ?? pairs.get("DGX_NAME") ?? null,
    version: pairs.get("DGX_OTA_VERSION") ?? pairs.get("DGX_SWBUILD_VERSION") ?? null,
  };
}

/** @param text all of /etc/fastos-release, which DGX Sparks of every maker and N1X laptops have. */
export function parseFastosRelease(text: string): "spark" | "n1x" | null {
  const name = parsePairs(text).get("NAME") ?? "";
  if (/\bn1x\b/i.test(name)) return "n1x";
  return /\bdgx[ _-]?spark\b/i.test(name) ? "spark" : null;
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

/** ARM's part numbers, which stand where x86 has a name. */
const armParts: Readonly<Record<string, string>> = {
  "0xd85": "Cortex-X925",
  "0xd87": "Cortex-A725",
};

export interface Cpu {
  readonly count: number;
  /** Each kind of core and how many there are, in the machine's order. */
  readonly kinds: readonly { readonly name: string; readonly count: number }[];
}

/** @param text all of /proc/cpuinfo, whose fields differ between x86 and ARM */
export function parseCpuinfo(text: string): Cpu {
  const kinds = new Map<string, number>();
  let count = 0;
  for (const block of text.split(/\n\s*\n/)) {
    if (!/^processor\s*:/m.test(block)) continue;
    count += 1;
    const model = /^model name\s*:\s*(.+?)\s*$/m.exec(block)?.[1];
    const part = /^CPU part\s*:\s*(0x[0-9a-f]+)/im.exec(block)?.[1]?.toLowerCase();
    const name = model ?? (part === undefined ? undefined : armParts[part]);
    if (name !== undefined) kinds.set(name, (kinds.get(name) ?? 0) + 1);
  }
  return { count, kinds: [...kinds].map(([name, cores]) => ({ name, count: cores })) };
}

export interface Memory {
  readonly totalBytes: number;
  /** What a program can still have, GPU memory included where it is shared. */
  readonly availableBytes: number;
  /** How much of that is swap. */
  readonly swapBytes: number;
}

/**
 * What is free by NVIDIA's rule for unified memory: MemAvailable + SwapFree; where huge pages are set aside,
 * HugePages_Free × Hugepagesize and no swap. (DGX Spark user guide, known issues: memory reporting.)
 * @param text all of /proc/meminfo
 */
export function parseMeminfo(text: string): Memory | null {
  const field = (name: string): number | null => {
    const digits = new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1];
    return digits === undefined ? null : Number(digits);
  };
  const total = field("MemTotal");
  const available = field("MemAvailable");
  if (total === null || available === null) return null;
  const hugePages = field("HugePages_Total") ?? 0;
  const swapKib = hugePages === 0 ? (field("SwapFree") ?? 0) : 0;
  const availableKib =
    hugePages === 0
      ? available + swapKib
      : (field("HugePages_Free") ?? 0) * (field("Hugepagesize") ?? 0);
  return {
    totalBytes: total * 1024,
    availableBytes: availableKib * 1024,
    swapBytes: swapKib * 1024,
  };
}

/** Asks the host, and refines what is free by the kernel's own table. Null where neither answers. */
export async function askMemory(probe: Probe): Promise<Memory | null> {
  const [reported, table] = await Promise.all([
    withinLimit(probe, () => probe.host.system.memory().catch((): Late => late)),
    readTextInTime(probe, "/proc/meminfo"),
  ]);
  const parsed = table === null ? null : parseMeminfo(table);
  if (reported === late) return parsed;
  return {
    availableBytes: reported.availableBytes,
    swapBytes: 0,
    ...parsed,
    totalBytes: reported.totalBytes,
  };
}
