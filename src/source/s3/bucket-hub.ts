import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { calledS3, parseS3 } from "../../run/repos/s3.ts";
import type { FileName, Hub } from "../source.ts";
import { discard, openAddress, orAbandon, requestOf, requirePlain } from "../request.ts";
import { retryOnce } from "../retry-policy.ts";
import type { S3Client, S3Host } from "./client.ts";
import { failureOfError, scopeOf } from "./failures.ts";
import {
  calledModel,
  listingOf,
  type ModelsSource,
  type PlacedFile,
  type PlacedModel,
} from "../placed-models.ts";

export interface BucketHubOptions {
  readonly host: S3Host;
  /** `s3://bucket/prefix` */
  readonly endpoint: string;
  /** Nothing is asked. */
  readonly offline: boolean;
}

interface Opened {
  readonly client: S3Client;
  readonly models: readonly PlacedModel[];
  readonly files: ReadonlyMap<string, PlacedFile>;
}

/** Models of the Hub out of a bucket, in the place of the Hub. Asks nothing yet. @throws Failure `s3.bad_name` */
export function connectBucket({ host, endpoint, offline }: BucketHubOptions): ModelsSource & Hub {
  const place = parseS3(endpoint);
  const called = calledS3(place);
  let opening: Promise<S3Client> | null = null;
  let known: Opened | null = null;

  const requireOnline = (missing: string): void => {
    if (offline) throw failure("hub.offline", { missing });
  };
  async function openClient(): Promise<S3Client> {
    opening ??= import("./client.ts").then(({ openS3 }) => openS3(host, place));
    return opening;
  }
  /** @throws what a person must fix, and what a later try may */
  async function asked<T>(signal: AbortSignal, call: (client: S3Client) => Promise<T>): Promise<T> {
    const client = await openClient();
    try {
      return await retryOnce(host, signal, () => call(client));
    } catch (error) {
      signal.throwIfAborted();
      throw failureOfError(error, client.endpoint());
    }
  }
  async function opened(signal: AbortSignal): Promise<Opened> {
    if (known !== null) return known;
    const { readModels } = await import("./bucket.ts");
    const models = await asked(signal, (client) => readModels(client, signal));
    const files = models.flatMap(({ repo, commit, files: own }) =>
      own.map((file) => [nameOf({ repo, commit, path: file.path }), file] as const),
    );
    known = { client: await openClient(), models, files: new Map(files) };
    return known;
  }
  async function fileOf(name: FileName, signal: AbortSignal): Promise<PlacedFile> {
    const { files } = await opened(signal);
    const file = files.get(nameOf(name));
    if (file !== undefined) return file;
    throw failure("s3.incomplete", { place: called, key: nameOf(name) });
  }

  return {
    endpoint: called,
    offline,
    async models(signal) {
      requireOnline(`the list of models in ${called}`);
      return (await opened(signal)).models;
    },
    async list(repo, revision, signal) {
      signal.throwIfAborted();
      requireOnline(`the list of files of ${repo} at ${revision}`);
      const { models } = await opened(signal);
      const listing = listingOf(models, { repo, revision });
      if (listing !== null) return listing;
      const all = models.map((model) => calledModel(model));
      throw failure("s3.model_not_found", { place: called, repo, revision, known: all });
    },
    async requireAccess(repo, commit, path, signal) {
      requireOnline(`${path} of ${repo}`);
      const { key } = await fileOf({ repo, commit, path }, signal);
      const status = await asked(signal, async (client) => {
        const sent = await client.send({ method: "HEAD", key, signal, timeLimitMs: 30_000 });
        await discard(sent.response);
        return sent.response.status;
      });
      if (status === 404) throw failure("s3.incomplete", { place: called, key });
    },
    async open(request) {
      const { repo, path, signal, address } = request;
      requireOnline(`${path} of ${repo}`);
      const { key } = await fileOf(request, signal);
      const client = await openClient();
      const wanted = { request, name: `${path} of ${repo}`, isPage: true };
      if (address !== null) return openAddress(client.elsewhere, wanted, address);
      const { response, url, reach } = await client.send({ ...requestOf(request), key });
      if (response.status === 404) {
        await discard(response);
        throw failure("s3.incomplete", { place: called, key });
      }
      if (response.status >= 300 && response.status < 400) {
        return openAddress(client.elsewhere, wanted, { url, reach });
      }
      orAbandon(response, () => requirePlain(response));
      return { response, address: null };
    },
    async whoAmI() {
      throw failure("s3.no_accounts", { place: called });
    },
    failureOf: (error) => (error instanceof Failure ? error : failureOfError(error, called)),
    scopeOf,
  };
}

function nameOf({ repo, commit, path }: FileName): string {
  return `${repo}/${commit}/${path}`;
}
