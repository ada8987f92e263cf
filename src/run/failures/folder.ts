import { exitCodes, row } from "../failure.ts";
import { quoted } from "../shell-quote.ts";

/** `place`: "/mnt/nas/models", "https://models.example/spark/". */
interface AtPlace {
  readonly place: string;
}

const isWeb = (place: string): boolean => /^https?:/u.test(place);
const runAgain = "Then run heros again: it continues where it stopped.";

/** Folders of models, on a disk or a web server. */
export const folderFailures = {
  "folder.bad_name": row<{ readonly name: string; readonly problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ name, problem }) =>
      `${JSON.stringify(name)} is not a valid address of a folder: ${problem}.`,
    hint: () => "Write file:///PATH, a path that begins with / or ./, or https://HOST/PREFIX/",
  }),
  "folder.of_hub": row<{ readonly address: string; readonly repo: string | null }>({
    exitCode: exitCodes.usage,
    message: ({ address }) => `${address} is a page of the Hub, not a folder of models.`,
    hint: ({ repo }) => `Name the repository: heros pull ${repo ?? "OWNER/REPO"}`,
  }),
  "folder.not_found": row<AtPlace>({
    exitCode: exitCodes.usage,
    message: ({ place }) => `There is no folder ${place}.`,
    hint: () => "Check the path, and whether its disk is mounted: findmnt",
  }),
  "folder.no_manifest": row<AtPlace>({
    exitCode: exitCodes.usage,
    message: ({ place }) =>
      `${place} has no heros-manifest.json, so nothing says which models it has and what their hashes are.`,
    hint: ({ place }) =>
      isWeb(place)
        ? "Check the address. A folder that heros models push file:///PATH has filled can be served as it is."
        : `Check the path. To fill it from a machine that has the models: heros models push ${quoted(place)}`,
  }),
  "folder.bad_manifest": row<AtPlace & { readonly problem: string }>({
    exitCode: exitCodes.network,
    message: ({ place, problem }) =>
      `The list of models in ${place} (heros-manifest.json) can't be used: ${problem}.`,
    hint: ({ place }) =>
      isWeb(place)
        ? "Nothing was written. Copy the list again from where it was made."
        : `Nothing was written. Remove that file and push the models again: heros models push ${quoted(place)}`,
  }),
  "folder.model_not_found": row<
    AtPlace & {
      readonly repo: string;
      readonly revision: string;
      readonly known: readonly string[];
    }
  >({
    exitCode: exitCodes.usage,
    message: ({ place, repo, revision, known }) =>
      `${place} has no ${repo} at ${revision}.${known.length === 0 ? "" : ` It has: ${known.slice(0, 10).join(", ")}${known.length > 10 ? ", …" : ""}.`}`,
    hint: ({ place, repo }) =>
      isWeb(place)
        ? "Name a model that it has."
        : `Push it from a machine that has it: heros models push ${quoted(place)} ${repo}`,
  }),
  "folder.incomplete": row<AtPlace & { readonly file: string }>({
    exitCode: exitCodes.network,
    message: ({ place, file }) => `${place} has lost a file of a model: there is no ${file}.`,
    hint: () => `Put it back there. ${runAgain}`,
  }),
  "folder.wrong_size": row<
    AtPlace & { readonly file: string; readonly bytes: number; readonly wanted: number }
  >({
    exitCode: exitCodes.network,
    message: ({ place, file, bytes, wanted }) =>
      `${file} in ${place} has ${bytes} bytes instead of ${wanted}: it is not the file that the list promises.`,
    hint: () => `Put the right file there. ${runAgain}`,
  }),
  "folder.unsafe_link": row<AtPlace & { readonly file: string }>({
    exitCode: exitCodes.usage,
    message: ({ place, file }) => `${file} in ${place} is a link that leads out of the folder.`,
    hint: () => "Put the file itself there: heros follows no link out of a folder of models.",
  }),
  "folder.unreadable": row<AtPlace & { readonly file: string; readonly reason: string }>({
    exitCode: exitCodes.failed,
    message: ({ place, file, reason }) => `Can't read ${file} in ${place}: ${reason}.`,
    hint: ({ place }) => `Check its permissions and its disk: ls -l ${quoted(place)}`,
  }),
  "folder.denied": row<AtPlace & { readonly status: number }>({
    exitCode: exitCodes.usage,
    message: ({ place, status }) => `${place} does not let everybody in (status ${status}).`,
    hint: () =>
      "heros has no login for web servers. Let this machine in without one, mount the folder, or use a bucket (s3://BUCKET/PREFIX), which has keys.",
  }),
  "folder.refused": row<AtPlace & { readonly status: number }>({
    exitCode: exitCodes.network,
    message: ({ place, status }) => `The server of ${place} refuses (status ${status}).`,
    hint: () => "See what the server's own log says about this request.",
  }),
  "folder.unreachable": row<AtPlace & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ place, reason }) => `Can't reach ${place}: ${reason}.`,
    hint: () => `Check the address, the network and the proxy. ${runAgain}`,
  }),
  "folder.server_error": row<AtPlace & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ place, reason }) => `The server of ${place} keeps answering wrongly: ${reason}.`,
    hint: () => "Run heros again later: it continues where it stopped.",
  }),
  "folder.tls": row<AtPlace & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ place, reason }) => `Can't trust the connection to ${place}: ${reason}.`,
    hint: () =>
      "If the server has a certificate of your own, name its issuer in NODE_EXTRA_CA_CERTS. Check the machine's date, too.",
  }),
  "folder.proxy": row<AtPlace & { readonly status: number; readonly unusable: string | null }>({
    exitCode: exitCodes.network,
    message: ({ place, status, unusable }) =>
      unusable === null
        ? `The proxy does not let heros through to ${place}${status > 0 ? ` (status ${status})` : ""}.`
        : `The proxy can't be used: ${unusable}.`,
    hint: () => "Check HTTPS_PROXY, or add the server's address to NO_PROXY.",
  }),
  "folder.strange": row<AtPlace & { readonly what: string }>({
    exitCode: exitCodes.network,
    message: ({ place, what }) => `${place} does not answer as a folder of files: ${what}.`,
    hint: () => "Check the address, the proxy, and whether your network requires a login.",
  }),
  "folder.read_only": row<AtPlace>({
    exitCode: exitCodes.usage,
    message: ({ place }) => `heros can't write to ${place}: it is on a web server.`,
    hint: () =>
      "Push to a folder (heros models push file:///PATH), then copy that to the server with its own tools, or let it serve the folder.",
  }),
  "folder.busy": row<AtPlace>({
    exitCode: exitCodes.failed,
    message: ({ place }) => `Another heros is writing to ${place}.`,
    hint: () => "Wait until it is done, then run heros again: nothing is written twice.",
  }),
  "folder.not_writable": row<AtPlace & { readonly reason: string }>({
    exitCode: exitCodes.failed,
    message: ({ place, reason }) => `Can't write to ${place}: ${reason}.`,
    hint: ({ place }) => `Check who owns it and how it is mounted: ls -ld ${quoted(place)}`,
  }),
};
