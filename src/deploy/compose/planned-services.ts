import type { Notice } from "../../run/events/run.ts";
import type { ValidatedBase } from "./base.ts";
import type { Deployment, PlannedService } from "./deployment.ts";
import type { TokenReader } from "./token-mount.ts";
import type { WarmupBase } from "./warmup.ts";

export interface ServicesHere {
  readonly services: readonly PlannedService[];
  readonly notices: readonly Notice[];
}

/** The services of the catalog that the user's compose files have; of others that are wanted it is told. */
export function servicesHere(
  { services, stack }: Deployment,
  checked: ValidatedBase | null,
): ServicesHere {
  // Where compose can't be asked, who has the base of the catalog has them all.
  if (checked === null) return { services, notices: [] };
  const isHere = ({ name }: PlannedService) => Object.hasOwn(checked.services, name);
  return {
    services: services.filter(isHere),
    notices: services
      .filter((service) => !isHere(service) && !service.isOff)
      .map(({ name }): Notice => ({
        type: "notice",
        level: "warning",
        code: "stack.service_missing",
        message: `The compose file has no service named ${name}, so what ${stack.title} does with it is missing.`,
        hint: `Add it, or rename yours: the catalog calls it ${name}.`,
      })),
  };
}

/** Services that ask the Hub themselves, by the catalog, and whom each runs as. */
export function tokenReaders(
  services: readonly PlannedService[],
  {
    warmups,
    checked,
  }: {
    readonly warmups: ReadonlyMap<string, WarmupBase>;
    readonly checked: ValidatedBase | null;
  },
): TokenReader[] {
  return services.flatMap(({ name, token, warmup, isOff }) => {
    if (isOff) return [];
    const base = warmups.get(name);
    const user = checked?.services[name]?.user ?? null;
    return [
      ...(token ? [{ service: name, user }] : []),
      ...(warmup?.token === true && base !== undefined
        ? [{ service: warmup.name, user: base.user ?? null }]
        : []),
    ];
  });
}
