import { engineFailure, type EngineProblem, engineProblem } from "../docker/engine-problem.ts";
import type { DockerAnswer } from "./docker-info.ts";
import type { Finding } from "./finding.ts";
import { readTextInTime } from "./read-files.ts";
import { lateText, type Probe } from "./time-limit.ts";

/** Whether the user is in the docker group by now, so that a new login is all that is missing. */
export async function inDockerGroup(probe: Probe): Promise<boolean> {
  const user = probe.host.env["USER"] ?? probe.host.env["LOGNAME"];
  const groups = await readTextInTime(probe, "/etc/group");
  if (user === undefined || groups === null) return false;
  const members = /^docker:[^:]*:\d*:(.*)$/m.exec(groups)?.[1] ?? "";
  return members.split(",").includes(user);
}

export function judgeDocker(
  answer: DockerAnswer,
  { grouped, limitMs }: { readonly grouped: boolean } & Pick<Probe, "limitMs">,
): Finding {
  switch (answer.state) {
    case "running":
      return { status: "ok", found: `Docker ${answer.info.version}` };
    case "missing":
      return broken({
        code: "docker.missing",
        found: "not installed",
        message: "Docker is not installed on this machine, and Annie runs in its containers.",
        remedy: "curl -fsSL https://get.docker.com | sudo sh",
        hint: "Install it with: curl -fsSL https://get.docker.com | sudo sh",
      });
    case "trouble": {
      const problem = engineProblem(answer.trouble, answer.place);
      if (answer.trouble.kind !== "denied" || !grouped) return broken(problem);
      const remedy = "Log out and in again: you are in the docker group, but this login is older.";
      return broken({ ...problem, remedy, hint: remedy });
    }
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

function broken(problem: EngineProblem): Finding {
  const { found, remedy } = problem;
  return { status: "failed", found, remedy, failure: engineFailure(problem) };
}
