/** What logs, databases and updates of the system need besides: a full disk stops Docker and the stack's databases. */
const spareBytes = 5e9;

/** What stays free of a disk after a download, where that is little; null where it is enough. */
export function tightBytes({
  neededBytes,
  freeBytes,
}: Readonly<Record<"neededBytes" | "freeBytes", number>>): number | null {
  const leftBytes = freeBytes - neededBytes;
  return leftBytes < spareBytes ? leftBytes : null;
}
