/** Exit statuses of every command. The numbers are part of the contract: scripts rely on them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  degraded: 3,
  machine: 4,
  network: 5,
  hash: 6,
  disk: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
