import { failure } from "../../run/failures/table.ts";
import { isFolder } from "../../run/repos/folder.ts";
import { parseModelsPlace } from "../../run/repos/models-place.ts";
import { calledS3, parseS3 } from "../../run/repos/s3.ts";
import { fillFolder } from "../../source/folder/fill.ts";
import type { PlacedModel } from "../../source/placed-models.ts";
import { createAskAgain, patienceMs } from "../../source/retry-policy.ts";
import { readManifest } from "../../source/s3/bucket.ts";
import { openS3 } from "../../source/s3/client.ts";
import { failureOfError } from "../../source/s3/failures.ts";
import { isStored, listModel, partBytesOf, sendFile, type Upload } from "../../source/s3/upload.ts";
import type { Work } from "../command-request.ts";
import { tellPlaceWait } from "../open-hub.ts";

export type { Upload };

/** Where models are pushed to: a bucket, or a folder of this machine. */
export interface PushTarget {
  /** As sentences and events name it, and as `heros pull` takes it. */
  readonly called: string;
  /** Before the key of every file. */
  readonly prefix: string;
  /** Whoever may not write there is told so before anything is hashed. */
  begin(): Promise<void>;
  isStored(file: Upload): Promise<boolean>;
  /** It fills the line, or the disk, alone. */
  isLarge(file: Upload): boolean;
  send(file: Upload, onSent: (bytes: number) => void, signal: AbortSignal): Promise<void>;
  /** Names a model, all of whose files are there. */
  list(model: PlacedModel): Promise<void>;
  end(): void;
  /** What an error came to, as a failure that says what to do. Others are passed through. */
  failureOf(error: unknown): unknown;
}

/** @throws Failure `s3.…`, `folder.bad_name`, `folder.read_only` (exit 2) */
export async function openTarget(work: Work, address: string): Promise<PushTarget> {
  return isFolder(address) ? folderTarget(work, address) : bucketTarget(work, address);
}

const largeBytes = 64 * 1024 * 1024;

function folderTarget({ host, signal }: Work, address: string): PushTarget {
  const place = parseModelsPlace(address, host);
  if (place.kind !== "folder") throw new Error(`no folder: ${place.called}`);
  const { folder, called } = place;
  if (folder.kind === "web") throw failure("folder.read_only", { place: called });
  if (folder.model !== null) {
    const problem = "name the models behind it, not behind #";
    throw failure("folder.bad_name", { name: address, problem });
  }
  const filled = fillFolder(host, folder);
  return {
    called,
    prefix: "",
    begin: () => filled.begin(signal),
    isStored: (file) => filled.isStored(file),
    isLarge: ({ sizeBytes }) => sizeBytes > largeBytes,
    send: (file, onSent, either) => filled.copy(file, onSent, either),
    list: (model) => filled.list(model, signal),
    end: () => filled.end(),
    failureOf: (error) => filled.failureOf(error),
  };
}

async function bucketTarget({ host, emit, signal }: Work, address: string): Promise<PushTarget> {
  const place = parseS3(address);
  const client = await openS3(host, place);
  const again = createAskAgain(host, tellPlaceWait(emit, calledS3(place)));
  const ask = <T>(call: () => Promise<T>): Promise<T> => again(call, { signal, forMs: patienceMs });
  const asking = { client, ask, signal };
  return {
    called: calledS3(place),
    prefix: place.prefix,
    // An answer to HEAD has no words.
    begin: async () => void (await ask(() => readManifest(client, signal))),
    isStored: (file) => isStored(asking, file),
    isLarge: ({ sizeBytes }) => sizeBytes > partBytesOf(sizeBytes),
    send: (file, onSent, either) =>
      sendFile({ ...asking, files: host.files, onSent, signal: either }, file),
    list: (model) => listModel(asking, model),
    end: () => {},
    failureOf: (error) => failureOfError(error, client.endpoint()),
  };
}
