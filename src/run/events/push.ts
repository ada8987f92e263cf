/** What the other machine of a push is, before anything is sent there. */
export interface RemoteChecked {
  readonly type: "remote.checked";
  /** As it was typed. */
  readonly address: string;
  /** As it calls itself. */
  readonly name: string;
  /** `linux-arm64` */
  readonly platform: string;
  /** On the disk of its Hub cache; null where it does not say. */
  readonly freeBytes: number | null;
  /** Version of its Docker engine; null where none answers. */
  readonly docker: string | null;
  /** Version of the heros that is installed there; null where there is none. */
  readonly heros: string | null;
}

/** The other machine has this heros now, or had it before. */
export interface RemoteInstalled {
  readonly type: "remote.installed";
  readonly address: string;
  readonly version: string;
  readonly action: "installed" | "unchanged";
}

export type PushEvent = RemoteChecked | RemoteInstalled;
