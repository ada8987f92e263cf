import { exitCodes, row } from "../failure.ts";
import { formatMoment } from "../units.ts";

/** `place`: "s3://models/prefix". */
interface AtPlace {
  readonly place: string;
}

interface AtStore {
  /** "https://s3.eu-central-1.amazonaws.com" */
  readonly endpoint: string;
}

const inEnvironment = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
const findsThem = `Set ${inEnvironment}, or AWS_PROFILE to a profile with keys.`;

/** Buckets of S3, and of whatever speaks it. */
export const s3Failures = {
  "s3.bad_name": row<{ readonly name: string; readonly problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ name, problem }) =>
      `${JSON.stringify(name)} is not a valid address of a bucket: ${problem}.`,
    hint: () => "Write it as the AWS tools do: s3://BUCKET/PREFIX",
  }),
  "s3.other_store": row<{ readonly name: string; readonly scheme: string }>({
    exitCode: exitCodes.usage,
    message: ({ name, scheme }) => `heros can't use ${scheme}:// addresses: ${name}`,
    hint: ({ scheme }) =>
      scheme === "gs"
        ? "Google Cloud Storage also speaks S3: create an HMAC key, set AWS_ENDPOINT_URL_S3=https://storage.googleapis.com and write s3://BUCKET/PREFIX."
        : "Stores that speak S3 work: set AWS_ENDPOINT_URL_S3 to the store's address and write s3://BUCKET/PREFIX. Azure Blob Storage does not speak S3.",
  }),
  "s3.bad_setting": row<{ readonly name: string; readonly problem: string }>({
    exitCode: exitCodes.usage,
    message: ({ name, problem }) => `${name} ${problem}.`,
    hint: () => "Change or remove it, then run heros again.",
  }),
  "s3.no_profile": row<{ readonly profile: string; readonly files: readonly string[] }>({
    exitCode: exitCodes.usage,
    message: ({ profile, files }) =>
      `There is no AWS profile ${JSON.stringify(profile)} in ${files.join(" or ")}.`,
    hint: () => "Check AWS_PROFILE: aws configure list-profiles shows the profiles.",
  }),
  "s3.profile_without_keys": row<{ readonly profile: string; readonly way: string }>({
    exitCode: exitCodes.usage,
    message: ({ profile, way }) =>
      `The AWS profile ${JSON.stringify(profile)} gets its credentials by ${way}, which heros can't do.`,
    hint: () =>
      'Let the AWS tools do it, then run heros again in the same terminal: eval "$(aws configure export-credentials --format env)"',
  }),
  "s3.denied": row<AtPlace & AtStore & { readonly withKey: boolean }>({
    exitCode: exitCodes.usage,
    message: ({ place, endpoint, withKey }) =>
      withKey
        ? `${endpoint} does not allow this access key to use ${place}.`
        : `${endpoint} does not allow everybody to use ${place}, and heros found no credentials.`,
    hint: ({ withKey }) =>
      withKey
        ? "Allow the key s3:GetObject and s3:ListBucket there (to push, s3:PutObject too), or use another key."
        : findsThem,
  }),
  "s3.key_refused": row<AtStore & { readonly where: string; readonly reason: string }>({
    exitCode: exitCodes.usage,
    message: ({ endpoint, where, reason }) =>
      `${endpoint} rejected the credentials from ${where}: ${reason}.`,
    hint: ({ where }) =>
      `Check the key and the secret in ${where}, and that they belong to this store.`,
  }),
  "s3.skewed": row<AtStore & { readonly ours: Date; readonly theirs: Date | null }>({
    exitCode: exitCodes.machine,
    message: ({ endpoint, ours, theirs }) =>
      `${endpoint} rejected the request because the clocks differ: this machine says ${formatMoment(ours)}, the store ${theirs === null ? "another time" : formatMoment(theirs)}.`,
    hint: () => "Set this machine's clock: sudo timedatectl set-ntp true",
  }),
  "s3.bucket_not_found": row<AtStore & { readonly bucket: string }>({
    exitCode: exitCodes.usage,
    message: ({ bucket, endpoint }) => `There is no bucket ${bucket} at ${endpoint}.`,
    hint: () =>
      "Check the name. For a store other than AWS, set AWS_ENDPOINT_URL_S3 to its address. heros does not create buckets.",
  }),
  "s3.wrong_region": row<
    AtStore & { readonly bucket: string; readonly region: string; readonly other: string | null }
  >({
    exitCode: exitCodes.usage,
    message: ({ bucket, region, other }) =>
      `The bucket ${bucket} is not in the region ${region}${other === null ? "" : `, but in ${other}`}.`,
    hint: ({ other }) => `Set AWS_REGION${other === null ? "" : `=${other}`} and run heros again.`,
  }),
  "s3.models_not_found": row<AtPlace>({
    exitCode: exitCodes.usage,
    message: ({ place }) => `There are no models in ${place}.`,
    hint: ({ place }) =>
      `Fill it from a machine that has models: heros models push ${place}. A copy of a Hub cache (models--…/snapshots/…) works too.`,
  }),
  "s3.model_not_found": row<
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
      `Push it from a machine that has it: heros models push ${place} ${repo}`,
  }),
  "s3.unverifiable": row<AtPlace & { readonly repo: string; readonly path: string }>({
    exitCode: exitCodes.usage,
    message: ({ place, repo, path }) =>
      `${path} of ${repo} can't be verified: ${place} has no checksum of it.`,
    hint: ({ place }) => `Fill it with checksums: heros models push ${place}`,
  }),
  "s3.bad_manifest": row<AtPlace & { readonly problem: string }>({
    exitCode: exitCodes.network,
    message: ({ place, problem }) =>
      `The list of models in ${place} (heros-manifest.json) can't be used: ${problem}.`,
    hint: ({ place }) =>
      `Nothing was written. Remove that file and push the models again: heros models push ${place}`,
  }),
  "s3.incomplete": row<AtPlace & { readonly key: string }>({
    exitCode: exitCodes.network,
    message: ({ place, key }) => `${place} has lost a file of a model: there is no ${key}.`,
    hint: ({ place }) => `Push it again: heros models push ${place}`,
  }),
  "s3.unreachable": row<AtStore & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, reason }) => `Can't reach the object store at ${endpoint}: ${reason}.`,
    hint: () => "Check the network, the proxy and AWS_ENDPOINT_URL_S3, then run heros again.",
  }),
  "s3.server_error": row<AtStore & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, reason }) =>
      `The object store at ${endpoint} keeps answering wrongly: ${reason}.`,
    hint: () => "Run heros again later: it continues where it stopped.",
  }),
  "s3.tls": row<AtStore & { readonly reason: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, reason }) => `Can't trust the connection to ${endpoint}: ${reason}.`,
    hint: () =>
      "If the store has a certificate of your own, name its issuer in NODE_EXTRA_CA_CERTS. Check the machine's date, too.",
  }),
  "s3.proxy": row<AtStore & { readonly status: number; readonly unusable: string | null }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, status, unusable }) =>
      unusable === null
        ? `The proxy does not let heros through to ${endpoint}${status > 0 ? ` (status ${status})` : ""}.`
        : `The proxy can't be used: ${unusable}.`,
    hint: () => "Check HTTPS_PROXY, or add the store's address to NO_PROXY.",
  }),
  "s3.strange": row<AtStore & { readonly what: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, what }) => `${endpoint} does not answer as an object store: ${what}.`,
    hint: () => "Check AWS_ENDPOINT_URL_S3, the proxy, and whether your network requires a login.",
  }),
  "s3.refused": row<AtStore & { readonly what: string }>({
    exitCode: exitCodes.network,
    message: ({ endpoint, what }) => `The object store at ${endpoint} refuses: ${what}.`,
    hint: () => "See what the store's own log or console says about this request.",
  }),
  "s3.changed_on_the_way": row<AtPlace & { readonly key: string }>({
    exitCode: exitCodes.hash,
    message: ({ place, key }) => `${key} did not arrive in ${place} as it was sent.`,
    hint: () => "Run heros again. If it happens again, a proxy changes what passes.",
  }),
  "s3.no_accounts": row<AtPlace>({
    exitCode: exitCodes.usage,
    message: ({ place }) => `A Hugging Face token is of no use for ${place}.`,
    hint: () => "Continue without a token.",
  }),
  "s3.busy": row<AtPlace>({
    exitCode: exitCodes.failed,
    message: ({ place }) => `Others keep changing the list of models in ${place}.`,
    hint: () => "Wait until they are done, then run heros again: nothing is sent twice.",
  }),
  "s3.not_cached": row<{ readonly models: readonly string[] }>({
    exitCode: exitCodes.usage,
    message: ({ models }) =>
      models.length === 0
        ? "No model in the cache is complete, so there is nothing to push."
        : `Not completely in the cache: ${models.join(", ")}.`,
    hint: ({ models }) => `Download first: heros pull${models.map((id) => ` ${id}`).join("")}`,
  }),
  "s3.only_hub_models": row<{ readonly model: string }>({
    exitCode: exitCodes.usage,
    message: ({ model }) => `${model} can't be pushed: only models of the Hub's kind can.`,
    hint: () => "Leave it out.",
  }),
};
