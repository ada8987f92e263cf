import { expect } from "vitest";
import type { Host } from "../../../src/host/host.ts";
import { type HttpRequest, isLoopback, tooNear } from "../../../src/host/network.ts";
import type { FoundLogin, RegistryLogin } from "../../../src/run/secret.ts";
import { Secret } from "../../../src/run/secret.ts";
import type { EndpointSwitch } from "../../../src/source/mirrors.ts";
import { parseImageReference } from "../../../src/source/oci/reference.ts";
import {
  type LoginProblem,
  openRegistries,
  type Registries,
  type RegistriesOptions,
  type ResolvedImage,
} from "../../../src/source/oci/registry.ts";
import { platformOf } from "../../../src/source/oci/manifest.ts";
import type { FileRequest, Hub } from "../../../src/source/source.ts";
import { quickHost } from "../../download/scene.ts";
import { type RegistryOptions, type RegistryServer, startRegistry } from "./registry-server.ts";

const { signal } = new AbortController();
export const spark = platformOf({ arch: "aarch64" });

export const password = (username: string, text: string): FoundLogin => ({
  login: { kind: "password", username, password: new Secret(text) },
  problem: null,
});
export const identityToken = (text: string): FoundLogin => {
  const login: RegistryLogin = { kind: "identity-token", token: new Secret(text) };
  return { login, problem: null };
};
export const noLogin: FoundLogin = { login: null, problem: null };

export interface Scene extends AsyncDisposable {
  readonly server: RegistryServer;
  readonly host: Host;
  readonly registries: Registries;
  /** The registries whose logins were asked for. */
  readonly logins: string[];
  readonly problems: LoginProblem[];
  readonly switches: EndpointSwitch[];
  /** An image of the server by its name without the registry, or by a whole one. */
  resolve(name: string): Promise<ResolvedImage>;
  /** A request for a part of an image. */
  part(image: ResolvedImage, digest: string, range?: FileRequest["range"]): FileRequest;
}

export interface SceneOptions extends RegistryOptions {
  /** By the registry's host. */
  readonly login?: FoundLogin;
  readonly haste?: number;
  /** Names in the place of loopback addresses, as the machine out there would know them. */
  readonly names?: (server: RegistryServer) => Readonly<Record<string, string>>;
  readonly registries?: Partial<RegistriesOptions>;
}

/** A registry, and heros in front of it with a clock that runs ten times as fast. */
export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const { login = noLogin, haste = 10, names = () => ({}), registries: changes } = options;
  const server = await startRegistry(options);
  const host = { ...named(quickHost(haste), names(server)), arch: "aarch64" };
  const logins: string[] = [];
  const problems: LoginProblem[] = [];
  const switches: EndpointSwitch[] = [];
  const registries = openRegistries({
    host,
    async credentials(registry) {
      logins.push(registry);
      return login;
    },
    onLoginProblem: (problem) => problems.push(problem),
    onSwitch: (change) => switches.push(change),
    forMs: 5000,
    ...changes,
  });
  return {
    server,
    host,
    registries,
    logins,
    problems,
    switches,
    async resolve(name) {
      const whole = /^[^/]*[.:][^/]*\//.test(name) ? name : `${server.host}/${name}`;
      return registries.resolve(parseImageReference(whole), spark, signal);
    },
    part: ({ reference: { registry, repository }, manifestDigest }, digest, range = null) => ({
      repo: `oci:${registry}/${repository}`,
      commit: manifestDigest,
      path: digest,
      blobName: digest.replace("sha256:", ""),
      range,
      address: null,
      idleTimeoutMs: 2000,
      signal,
    }),
    async [Symbol.asyncDispose]() {
      host.network.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Hosts by their names out there, which are answered by servers on loopback: as if they were public, and by TLS. */
function named(host: Host, names: Readonly<Record<string, string>>): Host {
  const { network } = host;
  const wrap =
    <Answer extends { readonly reach: string }>(send: (request: HttpRequest) => Promise<Answer>) =>
    async ({ noNearerThan, ...request }: HttpRequest): Promise<Answer> => {
      const url = new URL(request.url);
      const address = names[url.host];
      if (address === undefined) {
        if (noNearerThan === "public" && isLoopback(url.hostname)) {
          throw Object.assign(new Error(`${url.host} is near`), { code: tooNear });
        }
        return send({ ...request, ...(noNearerThan === undefined ? {} : { noNearerThan }) });
      }
      const answer = await send({
        ...request,
        url: `http://${address}${url.pathname}${url.search}`,
      });
      return Object.assign(answer, { reach: "public" });
    };
  return {
    ...host,
    network: { ...network, request: wrap(network.request), read: wrap(network.read) },
  };
}

export const modelCommit = "1".repeat(40);

/** A source that has an image's configuration and layers as the files of a model, whatever its repository's name there. */
export function asModel(registries: Registries, repo: string, tag: string): Hub {
  return {
    ...registries,
    async list(name, revision, stop) {
      const { files } = await registries.list(repo, tag, stop);
      return { repo: name, revision, commit: modelCommit, files };
    },
    open: (request) => registries.open({ ...request, repo }),
    requireAccess: (_name, commit, path, stop) =>
      registries.requireAccess(repo, commit, path, stop),
    failureOf: (error) => registries.failureOf(error, repo),
    whoAmI: () => Promise.reject(new Error("nobody")),
  };
}

/** All bytes of an answer. */
export function bytesOf(opened: Awaited<ReturnType<Registries["open"]>>): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parts: Buffer[] = [];
  const { body } = opened.response;
  body.on("data", (part) => parts.push(Buffer.from(part)));
  body.on("error", reject);
  body.once("end", () => resolve(Buffer.concat(parts)));
  return promise;
}

/** A Failure with this code, exit status and part of its message, and any hint. */
export function failed(code: string, exitCode: number, message: string | RegExp = ""): Error {
  const holds: unknown =
    typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message);
  const hint: unknown = expect.stringMatching(/\S/);
  return expect.objectContaining({ code, exitCode, message: holds, hint }) as Error;
}
