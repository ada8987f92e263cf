import { z } from "zod";
import { parseJson } from "../run/json.ts";
import { runCompose } from "./compose.ts";
import type { ListRequest } from "./containers.ts";

export interface Volume {
  readonly name: string;
  /** As docker says it: "1.2GB"; null where it does not. */
  readonly size: string | null;
}

const described = z.object({ Name: z.string(), Size: z.string().optional() });

/** The named volumes of a stack that are there; none where docker does not say. */
export async function listVolumes(request: ListRequest): Promise<readonly Volume[]> {
  const { host, signal } = request;
  const config = await runCompose({ ...request, args: ["config", "--format", "json"] });
  const shape = z.object({ volumes: z.record(z.string(), z.object({ name: z.string() })) });
  const named = shape.safeParse(parseJson(config.stdout)).data?.volumes ?? {};
  const names = new Set(Object.values(named).map(({ name }) => name));
  if (names.size === 0) return [];
  const { stdout } = await host.processes.run({
    command: "docker",
    args: ["system", "df", "--verbose", "--format", "{{json .Volumes}}"],
    ...(signal === undefined ? {} : { signal }),
  });
  const found = z.array(described).safeParse(parseJson(stdout)).data ?? [];
  return found
    .filter(({ Name }) => names.has(Name))
    .map(({ Name: name, Size: size = null }) => ({ name, size: size === "N/A" ? null : size }));
}
