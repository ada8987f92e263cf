import type { Host } from "../../host/host.ts";
import type { ByteStream, HttpResponse } from "../../host/network.ts";
import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { WebFolder } from "../../run/repos/folder.ts";
import { manifestName, manifestTooLarge, maxManifestBytes } from "../model-manifest.ts";
import type { PlacedFile } from "../placed-models.ts";
import {
  abandon,
  discard,
  openAddress,
  orAbandon,
  readBody,
  requestOf,
  requireNoPage,
  requirePlain,
  sendRequest,
  type Server,
} from "../request.ts";
import { retryOnce } from "../retry-policy.ts";
import { isAnswer, transportFailureOf } from "../transport-failure.ts";
import type { FolderFiles } from "./folder-files.ts";

type Answer = HttpResponse<ByteStream>;
export type FolderHost = Pick<Host, "network" | "clock" | "random" | "files">;

const timeLimitMs = 30_000;

/** A folder below an address of a web server that sends files as they are. */
export function openWeb(host: FolderHost, { url, called: place }: WebFolder): FolderFiles {
  const strange = (what: string, cause?: unknown): Failure =>
    failure("folder.strange", { place, what }, cause);
  const server: Server = {
    host,
    name: new URL(url).host,
    authorization: () => ({}),
    failures: {
      strange,
      redirectLoop: (other) => strange(`it keeps redirecting to ${other}`),
      unsafeRedirect: (other, cause) =>
        strange(`it redirects to an address nearer than itself: ${other}`, cause),
    },
  };
  const addressOf = (key: string): string => url + key.split("/").map(encodeURIComponent).join("/");

  /** What an answer means that brings no bytes. */
  function refusal({ status }: Answer, key: string): Failure {
    if (status === 404 || status === 410) {
      return key === manifestName
        ? failure("folder.no_manifest", { place })
        : failure("folder.incomplete", { place, file: key });
    }
    if (status === 401 || status === 403) return failure("folder.denied", { place, status });
    if (status === 407) return failure("folder.proxy", { place, status, unusable: null });
    if (status >= 400 && status < 500) return failure("folder.refused", { place, status });
    return strange(`status ${status} for ${key}`);
  }
  async function requireStatus(answer: Answer, key: string, sound: readonly number[]) {
    if (sound.includes(answer.status)) return;
    await discard(answer);
    throw refusal(answer, key);
  }
  /** What a server says of the size of a whole file counts before its bytes do. */
  function requireSize({ status, headers }: Answer, { key, sizeBytes }: PlacedFile): void {
    const said =
      status === 200
        ? headers["content-length"]
        : /\/(\d+)$/u.exec(headers["content-range"] ?? "")?.[1];
    if (said === undefined || Number(said) === sizeBytes) return;
    throw failure("folder.wrong_size", {
      place,
      file: key,
      bytes: Number(said),
      wanted: sizeBytes,
    });
  }
  const wantedOf = ({ key }: Pick<PlacedFile, "key">) => ({
    name: key,
    isPage: /\.html?$/iu.test(key),
  });

  return {
    readManifest: (signal) =>
      retryOnce(host, signal, async () => {
        const request = { url: addressOf(manifestName), signal, timeLimitMs } as const;
        const { response } = await sendRequest(server, { ...request, redirects: "all" });
        await requireStatus(response, manifestName, [200]);
        const bytes = await readBody(response, server.failures, maxManifestBytes);
        if (bytes !== null) return bytes;
        abandon(response);
        throw failure("folder.bad_manifest", { place, problem: manifestTooLarge });
      }),
    check: (file, signal) =>
      retryOnce(host, signal, async () => {
        const request = { url: addressOf(file.key), method: "HEAD", signal, timeLimitMs } as const;
        const { response } = await sendRequest(server, { ...request, redirects: "all" });
        // A server that knows no HEAD is asked for the bytes.
        await requireStatus(response, file.key, [200, 405]);
        await discard(response);
        if (response.status === 200 && response.headers["content-encoding"] === undefined) {
          requireSize(response, file);
        }
      }),
    async open(file, request) {
      const wanted = { request, ...wantedOf(file) };
      const found =
        request.address !== null ? await openAddress(server, wanted, request.address) : await ask();
      orAbandon(found.response, () => requireSize(found.response, file));
      return found;

      async function ask() {
        const own = { ...requestOf(request), url: addressOf(file.key) };
        const sent = await sendRequest(server, { ...own, redirects: "none-elsewhere" });
        const { response, url: at, reach } = sent;
        if (response.status >= 300 && response.status < 400) {
          // Its body is gone already.
          if (response.headers["location"] === undefined) throw refusal(response, file.key);
          return openAddress(server, wanted, { url: at, reach });
        }
        await requireStatus(response, file.key, [200, 206, 416]);
        orAbandon(response, () => {
          requireNoPage(server, wanted, response);
          requirePlain(response);
        });
        return { response, address: null };
      }
    },
    failureOf: (error) =>
      transportFailureOf(error, {
        tls: (reason) => failure("folder.tls", { place, reason }, error),
        proxy: (trouble) => failure("folder.proxy", { place, ...trouble }, error),
        transient({ kind, message: reason }) {
          const code = isAnswer(kind) ? "folder.server_error" : "folder.unreachable";
          return failure(code, { place, reason }, error);
        },
      }),
  };
}
