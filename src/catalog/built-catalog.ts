import type { Catalog } from "./catalog.ts";

/**
 * The default catalog, as the build has read and checked it: `scripts/bundle.ts` puts it here, so that no run
 * loads what reads YAML for it. Null where the sources run as they are; the file itself is read then.
 */
export const builtCatalog: Catalog | null = null;
