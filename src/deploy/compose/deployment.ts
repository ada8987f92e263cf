import { join } from "node:path";
import type { PlannedFile } from "../../run/events/plan.ts";
import type { FilePlace } from "../../run/file-failure.ts";
import { Secret } from "../../run/secret.ts";

/** A model as Annie is told of it. */
export interface StackModel {
  readonly id: string;
  /** `openai/whisper-large-v3`. */
  readonly repo: string;
  /** A commit, or the branch that the catalog names. */
  readonly revision: string;
}

/** What the answers mean for the stack. */
export interface Deployment {
  /** Absolute path of the root of the Hub cache: the folder that holds `models--…`. */
  readonly cacheDir: string;
  readonly models: readonly StackModel[];
  readonly tiers: readonly number[];
  /** Whether Annie starts at once, or when every chosen model is there. */
  readonly startup: "progressive" | "wait";
  /** Where Annie answers on this machine. */
  readonly port: number;
  /** The Hub token that the person chose to keep for Annie; null keeps what is there. */
  readonly token: Secret | null;
  /** Whether containers can reach a GPU here. */
  readonly gpu: boolean;
}

/** A folder that must be there before the file, or the container, that uses it. */
export interface NeededFolder {
  readonly path: string;
  readonly mode: number;
  /** It holds secrets: one that everybody may write to, although it was there before, gets this mode. */
  readonly closed?: boolean;
  /** Whose it is: of the models, or of Annie's files. */
  readonly area: FilePlace["area"];
}

/** What is in a file: a secret where it holds one, or may, for whoever made it could write anything into it. */
export type FileContent = string | Secret;

/** To be written, or compared; never to be shown. */
export function textOfFile(content: FileContent): string {
  return content instanceof Secret ? content.reveal() : content;
}

/** One file of the stack as it is and as it will be. */
export interface StackChange extends PlannedFile {
  /** Null where there is no file yet. */
  readonly oldContent: FileContent | null;
  readonly content: FileContent;
  /** Of a new file; a file that is there keeps the permissions it has, without these. */
  readonly mode: number;
  /** Permission bits that are taken from a file that is there already. */
  readonly forbiddenBits: number;
  readonly folders: readonly NeededFolder[];
}

/** The same changes as the summary page and the plan event show them. */
export function toPlannedFiles(changes: readonly StackChange[]): readonly PlannedFile[] {
  return changes.map(({ path, action, diff, backupPath }) => ({
    path,
    action,
    ...(diff === undefined ? {} : { diff }),
    ...(backupPath === undefined ? {} : { backupPath }),
  }));
}

/** Where a token is kept that the person chose to keep. */
export function keptTokenFile(stackDir: string): string {
  return join(stackDir, "secrets", "hf_token");
}
