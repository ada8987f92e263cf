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
