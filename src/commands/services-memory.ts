import { type Catalog, servicesGibOf } from "../catalog/catalog.ts";
import { findStack } from "../deploy/compose/read-stack.ts";
import type { StackConfig } from "../docker/compose.ts";
import type { Host } from "../host/host.ts";

/** What the services of a stack take beside the models, in GiB; 0 where nobody knows which there are. */
export function memoryOfServices(catalog: Catalog, config: StackConfig | null): number {
  const services = Object.values(config?.services ?? {});
  return servicesGibOf(
    catalog,
    services.flatMap(({ image }) => image ?? []),
  );
}

export interface ServicesMemoryRequest {
  readonly host: Host;
  readonly catalog: Catalog;
  readonly stackDir: string;
  readonly assetsDir: string;
}

/** The same of the stack in a folder, or of the one that heros would write there. */
export async function findServicesMemory(request: ServicesMemoryRequest): Promise<number> {
  if (request.catalog.gpuImages.length === 0) return 0;
  return memoryOfServices(request.catalog, await findStack(request).catch(() => null));
}
