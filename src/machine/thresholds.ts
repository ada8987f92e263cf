const gibibyte = 1024 ** 3;
const gigabyte = 1000 ** 3;

/** Every figure that a check is measured against. */
export const thresholds = {
  /** From here on a machine counts as one with 128 GB: firmware keeps 2 to 4 GB for the display, so the system sees 119.7 to 121.7 GiB. */
  unifiedClassBytes: 110 * gibibyte,
  /** All models loaded (25 GiB) and the databases beside them. */
  memoryAvailableBytes: 32 * gibibyte,
  /** All models of the catalog (20.6 GB), and some air. */
  modelsFreeBytes: 25 * gigabyte,
  /** The images of the stack, unpacked. */
  imagesFreeBytes: 30 * gigabyte,
  /** The first compose that knows `!override`. */
  composeVersion: [2, 24, 4],
} as const;
