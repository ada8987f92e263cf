import { engineProblem } from "../docker/engine.ts";
import type { DockerAnswer, DockerInfo } from "../docker/info.ts";
import { late, lateText, type Probe, withinLimit } from "../host/time-limit.ts";
import type { DockerFound } from "../run/events/machine.ts";
import { failure } from "../run/failures/table.ts";
import type { Finding } from "./check.ts";
import { readText, readTextInTime } from "./read-files.ts";

/** Whether the user is in the docker group by now, so that a new login is all that is missing. */
export async function inDockerGroup(probe: Probe): Promise<boolean> {
  const user = probe.host.env["USER"] ?? probe.host.env["LOGNAME"];
  const groups = await readTextInTime(probe, "/etc/group");
  if (user === undefined || groups === null) return false;
  const members = /^docker:[^:]*:\d*:(.*)$/m.exec(groups)?.[1] ?? "";
  return members.split(",").includes(user);
}

export function assessDocker(
  answer: DockerAnswer,
  { grouped, limitMs }: { readonly grouped: boolean } & Pick<Probe, "limitMs">,
): Finding {
  switch (answer.state) {
    case "running":
      return { status: "ok", found: `Docker ${answer.info.version}` };
    case "missing":
      return {
        status: "failed",
        found: "not installed",
        remedy: "curl -fsSL https://get.docker.com | sudo sh",
        failure: failure("docker.missing"),
      };
    case "trouble":
      return {
        status: "failed",
        ...engineProblem(answer.trouble, answer.place, { joined: grouped }),
      };
    case "unclear":
      return {
        status: "warning",
        found: `docker info says: ${answer.reason}`,
        remedy: "See what docker info says, and whether docker ps works.",
      };
    case "late":
      return {
        status: "warning",
        found: `docker info: ${lateText({ limitMs })}`,
        remedy: "sudo systemctl restart docker",
      };
  }
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

export function assessGpuAccess(
  access: GpuAccess,
  { docker, hasGpu }: { readonly docker: DockerAnswer["state"]; readonly hasGpu: boolean },
): Finding {
  if (docker !== "running") {
    return { status: "warning", found: "not looked at: Docker does not answer" };
  }
  switch (access) {
    case "cdi":
      return { status: "ok", found: "containers can use it (CDI)" };
    case "runtime":
      return { status: "ok", found: "containers can use it (nvidia runtime)" };
    case "none":
      if (!hasGpu) return { status: "warning", found: "no GPU that containers could use" };
      return {
        status: "warning",
        found: "Docker can't give the GPU to containers",
        remedy:
          "sudo apt-get install nvidia-container-toolkit && sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
      };
  }
}
