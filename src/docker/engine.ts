import { late, type Probe, readText, readTextInTime, withinLimit } from "../host/time-limit.ts";
import type { DockerFound } from "../run/events/machine.ts";
import { z } from "zod";
import { askEnginePlace, type EnginePlace, isElsewhere } from "./engine-place.ts";
import { type EngineError, readEngineError } from "./engine-failures.ts";
import type { RunResult } from "../host/processes.ts";
import { parseJson } from "../run/json.ts";

export interface DockerInfo {
  readonly version: string;
  readonly rootDir: string | null;
  /** Images are kept by containerd, as a fresh Docker 29 does. */
  readonly containerdImages: boolean;
  readonly runtimes: readonly string[];
  /** `nvidia.com/gpu=all`. */
  readonly cdiDevices: readonly string[];
  readonly cdiSpecDirs: readonly string[];
}

export type DockerAnswer =
  | { readonly state: "running"; readonly info: DockerInfo }
  /** No docker command. */
  | { readonly state: "missing" }
  /** No engine that can run Annie here was reached. */
  | {
      readonly state: "unusable";
      readonly error: EngineError;
      readonly place: EnginePlace | null;
    }
  | { readonly state: "unclear"; readonly reason: string }
  | { readonly state: "late" };

export async function askDocker(probe: Probe): Promise<DockerAnswer> {
  const info = withinLimit(probe, (signal) =>
    probe.host.processes.run({
      command: "docker",
      args: ["info", "--format", "{{json .}}"],
      signal,
    }),
  );
  const found = await withinLimit(probe, (signal) => askEnginePlace(probe.host, signal));
  const place = found === late ? null : found;
  const address = place?.address ?? null;
  // Nobody waits for another machine, whose answer would describe that one.
  if (address !== null && isElsewhere(address)) {
    info.catch(() => {});
    return { state: "unusable", error: { kind: "elsewhere", address }, place };
  }
  const result = await info;
  return result === late ? { state: "late" } : parseDockerInfo(result, place);
}

const list = z
  .array(z.string())
  .nullish()
  .catch(null)
  .transform((value) => value ?? []);
const schema = z.object({
  ServerVersion: z.string().nullish(),
  ServerErrors: list,
  DockerRootDir: z.string().nullish(),
  DriverStatus: z.array(z.array(z.string())).nullish().catch(null),
  Runtimes: z.record(z.string(), z.unknown()).nullish().catch(null),
  CDISpecDirs: list,
  DiscoveredDevices: z
    .array(z.object({ Source: z.string().nullish(), ID: z.string() }))
    .nullish()
    .catch(null),
});

/** Without a daemon docker still prints its JSON, all empty, and the reason on stderr; older ones end with status 0 then. */
export function parseDockerInfo(
  result: Pick<RunResult, "exitCode" | "stdout" | "stderr" | "missing">,
  place: EnginePlace | null = null,
): DockerAnswer {
  if (result.missing) return { state: "missing" };
  const info = readJson(result.stdout);
  const version = info?.ServerVersion ?? "";
  if (info !== null && version !== "") {
    return {
      state: "running",
      info: {
        version,
        rootDir: info.DockerRootDir || null,
        containerdImages: (info.DriverStatus ?? []).some(
          ([key, value]) => key === "driver-type" && value?.startsWith("io.containerd.") === true,
        ),
        runtimes: Object.keys(info.Runtimes ?? {}),
        cdiDevices: (info.DiscoveredDevices ?? []).map(({ ID }) => ID),
        cdiSpecDirs: info.CDISpecDirs,
      },
    };
  }
  const reason = [result.stderr, ...(info?.ServerErrors ?? [])].join("\n").trim();
  const error = readEngineError(reason);
  if (error !== null) return { state: "unusable", error, place };
  // Podman under Docker's name prints a report of its own.
  if (/"?buildahVersion"?:/.test(result.stdout)) {
    return { state: "unusable", error: { kind: "podman" }, place };
  }
  const line = reason.split("\n")[0] || "nothing that a Docker engine says";
  return { state: "unclear", reason: line };
}

function readJson(stdout: string): z.infer<typeof schema> | null {
  return schema.safeParse(parseJson(stdout)).data ?? null;
}

/** Whether the user is in the docker group by now, so that a new login is all that is missing. */
export async function inDockerGroup(probe: Probe): Promise<boolean> {
  const user = probe.host.env["USER"] ?? probe.host.env["LOGNAME"];
  const groups = await readTextInTime(probe, "/etc/group");
  if (user === undefined || groups === null) return false;
  const members = /^docker:[^:]*:\d*:(.*)$/m.exec(groups)?.[1] ?? "";
  return members.split(",").includes(user);
}

export type GpuAccess = DockerFound["gpuAccess"];

/** How containers reach the GPU. Engines before 28.3 do not list the CDI devices they know, so their specification files are read too. */
export async function askGpuAccess(probe: Probe, answer: DockerAnswer): Promise<GpuAccess> {
  if (answer.state !== "running") return "none";
  const { info } = answer;
  if (info.cdiDevices.some((id) => id.startsWith("nvidia.com/gpu="))) return "cdi";
  if (await hasNvidiaSpecification(probe, info)) return "cdi";
  return info.runtimes.includes("nvidia") ? "runtime" : "none";
}

async function hasNvidiaSpecification(probe: Probe, { cdiSpecDirs }: DockerInfo): Promise<boolean> {
  const { files } = probe.host;
  const found = await withinLimit(probe, async () => {
    const texts = await Promise.all(
      cdiSpecDirs.map(async (folder) => {
        const names = await files.readdir(folder).catch(() => []);
        const specifications = names.filter((name) => /\.(ya?ml|json)$/.test(name));
        return Promise.all(specifications.map((name) => readText(files, `${folder}/${name}`)));
      }),
    );
    return texts.flat().some((text) => text !== null && isNvidiaSpecification(text));
  });
  return found !== late && found;
}

/** @param text a CDI specification, in YAML or JSON */
export function isNvidiaSpecification(text: string): boolean {
  return /^\s*["']?kind["']?\s*:\s*["']?nvidia\.com\/gpu["']?\s*,?\s*$/m.test(text);
}
