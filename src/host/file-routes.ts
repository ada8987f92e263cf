import type { FileLocks } from "./file-locks.ts";
import type { FileRoute, FileRoutes, Files } from "./host.ts";

export interface Routed {
  readonly routes: FileRoutes;
  readonly files: Files;
  readonly fileLocks: FileLocks;
}

/** Calls whose second path is what is made. */
const byTarget: readonly (string | symbol)[] = ["rename", "symlink", "link", "cp"];

/** Files and locks that take the way of the route that their path is on. */
export function routeFiles(own: Files, ownLocks: FileLocks): Routed {
  const routes: FileRoute[] = [];
  const find = (path: unknown): FileRoute | null =>
    typeof path !== "string"
      ? null
      : (routes.find(({ folder }) => path === folder || path.startsWith(`${folder}/`)) ?? null);
  const files = new Proxy(own, {
    get(target, name) {
      const real = Reflect.get(target, name) as unknown;
      if (routes.length === 0 || typeof real !== "function") return real;
      return (...args: readonly unknown[]): unknown => {
        const route = find(args[byTarget.includes(name) ? 1 : 0]);
        const isOfOne = name === "rename" || name === "link";
        if (isOfOne && route !== find(args[0])) return Promise.reject(otherDisk(args));
        const call = (route === null ? real : Reflect.get(route.files, name)) as (
          ...args: readonly unknown[]
        ) => unknown;
        return call(...args);
      };
    },
  });
  return {
    routes: { add: (route) => void routes.unshift(route), find },
    files,
    fileLocks: {
      acquire: (path) => (find(path)?.fileLocks ?? ownLocks).acquire(path),
      release: (path) => (find(path)?.fileLocks ?? ownLocks).release(path),
      close: () => ownLocks.close(),
    },
  };
}

function otherDisk([from, to]: readonly unknown[]): Error {
  const words = `EXDEV: cross-device link not permitted, rename '${String(from)}' -> '${String(to)}'`;
  return Object.assign(new Error(words), {
    code: "EXDEV",
    syscall: "rename",
    path: from,
    dest: to,
  });
}
