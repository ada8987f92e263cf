import { quoted } from "../shell-quote.ts";
import { exitCodes, row } from "../failure.ts";

interface Taken {
  readonly service: string;
  readonly target: string;
  /** A folder, or `the volume models`. */
  readonly source: string;
}

interface Denied {
  readonly service: string;
  readonly uid: number;
  readonly needs: "read" | "write";
  /** Folders and files that this user can't read or write, at least one. */
  readonly paths: readonly string[];
  /** How many more there are. */
  readonly others: number;
  /** `UID:GID` to whom the cache belongs. */
  readonly owner: string;
}

/** Of `heros cache share`. */
export const shareFailures = {
  "cache.share_missing": row<{ folder: string; isFolder: boolean }>({
    exitCode: exitCodes.failed,
    message: ({ folder, isFolder }) =>
      isFolder
        ? `There is no cache in ${folder} yet. Docker would create that folder as root's.`
        : `${folder} is not a folder.`,
    hint: ({ folder, isFolder }) =>
      isFolder
        ? `Create it (mkdir -p ${quoted(folder)}), or download a model first: heros pull`
        : "Name the folder that holds models--*: --cache-dir DIR",
  }),
  "cache.share_no_folder": row<{ storage: string; volume: string | null }>({
    exitCode: exitCodes.usage,
    message: ({ storage, volume }) =>
      volume === null
        ? `The models are in ${storage}, which is not a folder of this machine.`
        : `The models are in the Docker volume ${volume}, which is not a folder of this machine.`,
    hint: ({ volume }) =>
      volume === null
        ? "Name a folder with --cache-dir DIR."
        : `Name a folder with --cache-dir DIR, or mount the volume yourself: docker run -v ${quoted(`${volume}:/root/.cache/huggingface/hub:ro`)} -e HF_HUB_OFFLINE=1`,
  }),
  "cache.share_bad_path": row<{ folder: string }>({
    exitCode: exitCodes.usage,
    message: ({ folder }) =>
      `Containers can't be given ${JSON.stringify(folder)}: it has a control character in its name.`,
    hint: () => "Rename the folder, or name another one with --cache-dir DIR.",
  }),
  "cache.share_no_stack": row<{ folder: string }>({
    exitCode: exitCodes.usage,
    message: ({ folder }) => `There is no compose file in ${folder}.`,
    hint: () =>
      "Name the folder that holds yours: --stack-dir DIR. For docker run, leave out the service: heros cache share",
  }),
  "cache.share_taken": row<Taken>({
    exitCode: exitCodes.usage,
    message: ({ service, source, target }) => `${service} already mounts ${source} at ${target}.`,
    hint: ({ service, target }) =>
      `heros does not hide it. To share the cache instead, remove the line with ${target} from ${service}'s volumes in your compose file, then run this again.`,
  }),
  "cache.share_denied": row<Denied>({
    exitCode: exitCodes.failed,
    message({ service, uid, needs, paths, others }) {
      const more = others === 0 ? "" : ` and ${others} more`;
      return `${service} runs as user ${uid}, who can't ${needs === "read" ? "read" : "write to"} ${paths.join(", ")}${more}.`;
    },
    hint({ service, needs, paths, others, owner }) {
      const asOwner = `let it run as the cache's owner: user: "${owner}" for ${service} in your compose file`;
      if (needs === "write") {
        return `Share it read-only (heros cache share ${quoted(service)} --read-only), or ${asOwner}`;
      }
      return others === 0
        ? `Let others read it (${paths.map((each) => `chmod o+rX ${quoted(each)}`).join(" && ")}), or ${asOwner}`
        : `${asOwner.charAt(0).toUpperCase()}${asOwner.slice(1)}`;
    },
  }),
  "cache.share_foreign": row<{ file: string }>({
    exitCode: exitCodes.usage,
    message: ({ file }) =>
      `${file} was not written by heros, or was changed since, so heros does not overwrite it.`,
    hint: () => "Move it away, or choose another name: --write FILE",
  }),
};
