import { isMap } from "./merge.ts";
import type { Project } from "./project.ts";

/** What `docker compose config` prints of a stack. */
export function describeProject(
  { name, services, model }: Project,
  { flags, json }: { readonly flags: ReadonlySet<string>; readonly json: boolean },
): string {
  if (flags.has("-q") || flags.has("--quiet")) return "";
  if (flags.has("--services")) return lines(services.map((service) => service.name));
  if (flags.has("--images")) return lines(services.map((service) => service.image));
  const merged = { name, ...(model as object), services: describeServices(services, model) };
  return json ? `${JSON.stringify(merged, null, 2)}\n` : lines([JSON.stringify(merged)]);
}

/** As merged; ports in the long form, as compose has them here. */
function describeServices(services: Project["services"], model: Project["model"]): object {
  const all = isMap(model) && isMap(model["services"]) ? model["services"] : {};
  return Object.fromEntries(
    services.map(({ name, ports }) => [
      name,
      { ...(all[name] as object), ...(ports.length === 0 ? {} : { ports }) },
    ]),
  );
}

function lines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join("");
}
