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
