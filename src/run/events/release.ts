/** Which version is installed, and which one the channel has. */
export interface UpgradeChecked {
  readonly type: "upgrade.checked";
  readonly current: string;
  readonly latest: string;
}

/** Which heros this is. */
export interface VersionRead {
  readonly type: "version.read";
  readonly version: string;
  /** `linux-arm64`. */
  readonly platform: string;
  /** Null where it was not built from a commit that is known. */
  readonly commit: string | null;
  /** The folder of the program. */
  readonly folder: string;
  /** Where upgrades come from; `checkout` for what was built on this machine. */
  readonly channel: "stable" | "beta" | "checkout";
}

export type ReleaseEvent = UpgradeChecked | VersionRead;
