import { type ComposeText, invalidBase, isYamlMap, readComposeYaml } from "./compose-yaml.ts";

/** Annie's own service; the one that heros adds to. */
export const annieServiceName = "her-os-core";

export interface OwnStack {
  /** Services of all files, in order. */
  readonly services: readonly string[];
  /** True where the user's files hand Annie a GPU already: a second reservation would be added, not merged. */
  readonly reservesGpu: boolean;
  /** Every text that stands as a value: where compose fills variables in. */
  readonly texts: readonly string[];
}

/**
 * Looks whether the user's compose files can be built upon.
 * @throws Failure `stack.base_invalid` (exit 2) where one is not YAML, or none has Annie's service
 */
export function checkOwnStack(files: readonly ComposeText[]): OwnStack {
  const services = new Set<string>();
  let reservesGpu = false;
  let includes = false;
  const documents = files.flatMap(readComposeYaml);
  for (const { root } of documents) {
    includes ||= root["include"] !== undefined;
    const found = root["services"];
    if (!isYamlMap(found)) continue;
    for (const name of Object.keys(found)) services.add(name);
    reservesGpu ||= hasGpu(found[annieServiceName]);
  }
  if (!services.has(annieServiceName) && !includes) {
    const names = files.map((file) => file.path).join(", ");
    throw invalidBase(
      `${names} has no service named ${annieServiceName}`,
      `heros adds to the service ${annieServiceName}. Name it so, or choose another folder with --stack-dir.`,
    );
  }
  return { services: [...services], reservesGpu, texts: documents.flatMap(({ texts }) => texts) };
}

/** A name of CDI's, or the driver's own device: `nvidia.com/gpu=all`, `/dev/nvidia0`. */
export function isGpuDevice(source: string): boolean {
  return /^(?:nvidia\.com\/gpu=|\/dev\/nvidia)/.test(source);
}

function hasGpu(service: unknown): boolean {
  if (!isYamlMap(service)) return false;
  const devices = ["deploy", "resources", "reservations", "devices"].reduce<unknown>(
    (value, key) => (isYamlMap(value) ? value[key] : undefined),
    service,
  );
  const direct = Array.isArray(service["devices"]) ? service["devices"] : [];
  return (
    devices !== undefined ||
    service["gpus"] !== undefined ||
    service["runtime"] === "nvidia" ||
    direct.some((each) => typeof each === "string" && isGpuDevice(each))
  );
}
