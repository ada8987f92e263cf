import type { ComposeAnswer } from "../docker/compose.ts";
import { compareVersion } from "../run/version.ts";
import { type DockerAnswer, engineProblem, type GpuAccess } from "../docker/engine.ts";
import type { Probe } from "../host/time-limit.ts";
import type { GpuTrial } from "../machine/gpu-in-containers.ts";
import { failedBy, type Finding, lateFinding, withoutDocker } from "./finding.ts";
import { failure } from "../run/failures/table.ts";

/** The first compose that knows `!override`. */
const oldestCompose = [2, 24, 4];

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
    case "unusable":
      return {
        status: "failed",
        ...engineProblem(answer.error, answer.place, { joined: grouped }),
      };
    case "unclear":
      return {
        status: "warning",
        found: `docker info failed: ${answer.reason}`,
        remedy: "Check that docker info and docker ps work.",
      };
    case "late":
      // Who goes on waits for it at each further step, and fails there.
      return {
        ...lateFinding({ limitMs }, "docker info"),
        status: "failed",
        remedy: "sudo systemctl restart docker",
        failure: failure("docker.no_answer"),
      };
  }
}

export interface GpuAccessAsked {
  readonly docker: DockerAnswer["state"];
  readonly hasGpu: boolean;
  /** What a container saw; null where none was tried. */
  readonly trial?: GpuTrial | null;
}

export function assessGpuAccess(
  access: GpuAccess,
  { docker, hasGpu, trial = null }: GpuAccessAsked,
): Finding {
  if (docker !== "running") return withoutDocker;
  if (trial !== null) {
    return trial.failure === null
      ? { status: "ok", found: `available to containers (checked with ${trial.image})` }
      : failedBy(trial.failure);
  }
  switch (access) {
    case "cdi":
      return { status: "ok", found: "available to containers (CDI)" };
    case "runtime":
      return { status: "ok", found: "available to containers (nvidia runtime)" };
    case "none":
      if (!hasGpu) return { status: "warning", found: "not available: no GPU found" };
      return {
        status: "warning",
        found: "not available to containers",
        remedy:
          "sudo apt-get install nvidia-container-toolkit && sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
      };
  }
}

export function assessCompose(answer: ComposeAnswer, { limitMs }: Pick<Probe, "limitMs">): Finding {
  switch (answer.state) {
    case "no-docker":
      return { status: "skipped", found: "Docker is not installed" };
    case "no-engine":
      return withoutDocker;
    case "late":
      return lateFinding({ limitMs }, "docker compose");
    case "missing":
      return {
        status: "failed",
        found: "not installed",
        remedy: "sudo apt-get install docker-compose-plugin",
        failure: failure("compose.missing", undefined),
      };
    case "there":
      // A version that is no number, `dev`, is taken for new.
      if ((compareVersion(answer.version, oldestCompose) ?? 0) < 0) {
        return {
          status: "warning",
          found: `Compose ${answer.version}, but ${oldestCompose.join(".")} or newer is required`,
          remedy: "sudo apt-get install --only-upgrade docker-compose-plugin",
        };
      }
      return { status: "ok", found: `Compose ${answer.version}` };
  }
}
