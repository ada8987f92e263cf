import { decode } from "../request-target.ts";

/** The parts of a server, as its figures tell them apart. */
export const routes = ["api", "models", "images", "watch", "other"] as const;
export type Route = (typeof routes)[number];

export interface Target {
  readonly route: Route;
  /** The model or the image whose content it is: `openai/whisper-tiny`, `ghcr.io/acme/core:1`; null for all else. */
  readonly what: string | null;
}

const none = { what: null } as const;
/** Of a name that is shown. */
const mostSigns = 100;

/** What a request is about, by the path that it asks for: as the client sent it, and nobody has checked it. */
export function targetOf(path: string): Target {
  const names = path
    .split(/[?#]/u, 1)
    .join("")
    .split("/")
    .slice(1, 12)
    .map((name) => decode(name) ?? "");
  const [first = ""] = names;
  if (first === "metrics" || first === "events") return { route: "watch", ...none };
  if (first === "api") return { route: "api", ...none };
  if (first === "v2") return { route: "images", what: imageOf(names.slice(1)) };
  const at = names.indexOf("resolve");
  if (at !== 1 && at !== 2) return { route: "other", ...none };
  return { route: "models", what: shownName(names.slice(0, at).join("/")) };
}

/** `ghcr.io/acme/core`, and its tag where the path has it. */
function imageOf(names: readonly string[]): string | null {
  const kind = names.at(-2);
  const [reference = ""] = names.slice(-1);
  if (kind !== "manifests" && kind !== "blobs") return null;
  const name = names.slice(0, -2).join("/");
  const isTag = kind === "manifests" && !reference.includes(":");
  return shownName(isTag ? `${name}:${reference}` : name);
}

function shownName(name: string): string | null {
  return /^[\w./:@-]+$/u.test(name) && name.length <= mostSigns ? name : null;
}
