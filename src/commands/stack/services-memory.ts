import type { Catalog } from "../../catalog/catalog.ts";
import { servicesGibOf } from "../../catalog/gpu-images.ts";
import { findStack } from "../../deploy/compose/read-stack.ts";
import type { StackConfig } from "../../docker/compose.ts";
import { late, type Probe, withinLimit } from "../../host/time-limit.ts";

/** What the services of a stack take beside the models, in GiB; 0 where nobody knows which there are. */
export function memoryOfServices(catalog: Catalog, config: StackConfig | null): number {
  const services = Object.values(config?.services ?? {});
  return servicesGibOf(
    catalog.stack,
    services.flatMap(({ image }) => image ?? []),
  );
}

export interface ServicesMemoryRequest {
  readonly catalog: Catalog;
  readonly stackDir: string;
  readonly assetsDir: string;
}

/** The same of the stack in a folder, or of the one that heros would write there; 0 where compose takes too long to say. */
export async function findServicesMemory(
  probe: Probe,
  { catalog, stackDir, assetsDir }: ServicesMemoryRequest,
): Promise<number> {
  if (catalog.stack.gpuImages.length === 0) return 0;
  const { host } = probe;
  const config = await withinLimit(probe, () =>
    findStack({ host, stack: catalog.stack, stackDir, assetsDir }).catch(() => null),
  );
  return memoryOfServices(catalog, config === late ? null : config);
}
