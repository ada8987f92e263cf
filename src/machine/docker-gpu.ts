import type { DockerFound } from "../progress/events/machine.ts";
import type { DockerAnswer, DockerInfo } from "./docker-info.ts";
import type { Finding } from "./finding.ts";
import { readText } from "./read-files.ts";
import { late, withinLimit, type Probe } from "./time-limit.ts";

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

export function judgeGpuAccess(
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
