import { Failure } from "../run/failure.ts";
import type { WrongKey } from "./checked-yaml.ts";
import { partsOf } from "./catalog-2.ts";
import { brokenPlaceholdersIn, placeholderNames, placeholdersIn } from "./placeholders.ts";
import { wrongProof } from "./proof.ts";
import type { Schema2, WrittenHealth, WrittenService, WrittenVariant } from "./schema-2.ts";

type Path = WrongKey["path"];

/** What has the right shape, and is wrong: each with its place. */
export function wrongInSchema2(value: Schema2): WrongKey[] {
  const known = {
    model: new Set(value.models.map(({ id }) => id)),
    group: new Set(value.groups.map(({ id }) => id)),
    value: new Set(Object.keys(value.stack.values)),
  };
  return [
    ...wrongGroups(value),
    ...wrongModels(value),
    ...wrongStack(value),
    ...Object.entries(value.stack.services).flatMap(([name, service]) =>
      wrongService(value, service, ["stack", "services", name], known),
    ),
    ...wrongHealth(value, value.stack.health, ["stack", "health"]),
    ...wrongCapabilities(value),
  ];
}

function wrongGroups({ groups }: Schema2): WrongKey[] {
  const known = new Set(groups.map(({ id }) => id));
  const seen = new Set<string>();
  const requiredOf = new Map<string, string>();
  return groups.flatMap(({ id, requires, required, oneOf }, index) => {
    const path: Path = ["groups", index];
    const wrong: WrongKey[] = [];
    if (seen.has(id))
      wrong.push({ path: [...path, "id"], problem: `"${id}" is duplicated`, of: [] });
    seen.add(id);
    for (const [place, other] of requires.entries()) {
      if (!known.has(other)) {
        wrong.push({
          path: [...path, "requires", place],
          problem: `unknown group "${other}"`,
          of: [],
        });
      }
    }
    const circle = circleFrom(
      id,
      (each) => groups.find((group) => group.id === each)?.requires ?? [],
    );
    if (circle !== null) {
      wrong.push({
        path: [...path, "requires"],
        problem: `goes in a circle: ${circle.join(" → ")}`,
        of: [],
      });
    }
    const other = oneOf === undefined || !required ? undefined : requiredOf.get(oneOf);
    if (other !== undefined) {
      wrong.push({
        path: [...path, "oneOf"],
        problem: `"${other}" is required, too, and only one of "${oneOf}" can be chosen`,
        of: [],
      });
    }
    if (oneOf !== undefined && required) requiredOf.set(oneOf, id);
    return wrong;
  });
}

/** The way from a name back to itself; null where there is none. */
function circleFrom(start: string, next: (name: string) => readonly string[]): string[] | null {
  const ways: string[][] = [[start]];
  const seen = new Set<string>();
  for (const way of ways) {
    for (const name of next(way.at(-1) ?? "")) {
      if (name === start) return [...way, name];
      if (seen.has(name)) continue;
      seen.add(name);
      ways.push([...way, name]);
    }
  }
  return null;
}

/** Those from which a way leads back to them, where each leads to one other at most: each is passed twice at most. */
function inCircles(next: ReadonlyMap<string, string | undefined>): ReadonlySet<string> {
  const circular = new Set<string>();
  const passed = new Set<string>();
  for (const start of next.keys()) {
    const way = new Set<string>();
    let at: string | undefined = start;
    while (at !== undefined && !passed.has(at)) {
      passed.add(at);
      way.add(at);
      at = next.get(at);
    }
    if (at === undefined || !way.has(at)) continue;
    const ways = [...way];
    for (const each of ways.slice(ways.indexOf(at))) circular.add(each);
  }
  return circular;
}

function wrongModels({ groups, models }: Schema2): WrongKey[] {
  const known = new Set(groups.map(({ id }) => id));
  const byId = new Map(models.map((model) => [model.id, model]));
  const circular = inCircles(new Map(models.map(({ id, standIn }) => [id, standIn])));
  const seen = new Set<string>();
  const placeOf = new Map<
    string,
    { readonly id: string; readonly group: string; readonly index: number }
  >();
  return models.flatMap((model, index) => {
    const path: Path = ["models", index];
    const { id, group, capability, standIn } = model;
    const wrong = [model, ...model.variants].flatMap((where, form) =>
      wrongSource(where, form === 0 ? path : [...path, "variants", form - 1]),
    );
    if (seen.has(id))
      wrong.push({ path: [...path, "id"], problem: `"${id}" is duplicated`, of: [] });
    seen.add(id);
    if (!known.has(group))
      wrong.push({ path: [...path, "group"], problem: `unknown group "${group}"`, of: [] });
    if (wrong.length === 0) {
      const [{ repo, revision, files }] = partsOf(model);
      const key = JSON.stringify([repo, revision, files]);
      const other = placeOf.get(key);
      placeOf.set(key, { id, group, index });
      if (other !== undefined && other.id !== id) {
        wrong.push({
          path: [...path, "group"],
          problem: `the same model is in the group "${other.group}", as "${other.id}": let one group require the other`,
          of: [index, other.index].flatMap((each) =>
            ["repo", "source", "revision", "files"].map((name) => ["models", each, name]),
          ),
        });
      }
    }
    if (standIn !== undefined) {
      const other = byId.get(standIn);
      const at: Path = [...path, "standIn"];
      if (other === undefined)
        wrong.push({ path: at, problem: `unknown model "${standIn}"`, of: [] });
      else if (circular.has(id)) {
        wrong.push({ path: at, problem: "goes in a circle", of: [] });
      } else if (other.capability !== capability) {
        wrong.push({
          path: at,
          problem: `"${standIn}" does not have the capability "${capability ?? ""}"`,
          of: [index, models.indexOf(other)].map((each) => ["models", each, "capability"]),
        });
      }
    }
    return wrong;
  });
}

function wrongSource(where: WrittenVariant, path: Path): WrongKey[] {
  const { repo, source, files, digest, revision, also, memoryGib = 0, recommendedGib } = where;
  const wrong: WrongKey[] = [];
  const scheme = source?.split(":")[0];
  if (repo === undefined && source === undefined) {
    wrong.push({ path, problem: "must have a repo (OWNER/NAME of the Hub) or a source" });
  }
  if (repo !== undefined && (scheme === "ollama" || scheme === "hub")) {
    wrong.push({
      path: [...path, "source"],
      problem: "says where the model is, and so does repo: leave one of them out",
    });
  }
  if (repo === undefined && scheme !== undefined && scheme !== "ollama" && scheme !== "hub") {
    wrong.push({
      path,
      problem: "must have a repo (OWNER/NAME): which of the models of its source is meant",
    });
  }
  if (scheme === "hub" && !/^hub:[\w.-]+\/[\w.-]+$/.test(source ?? "")) {
    wrong.push({ path: [...path, "source"], problem: "must be hub:OWNER/NAME" });
  }
  if (scheme === "ollama") {
    for (const [key, given] of Object.entries({ files, revision })) {
      if (given !== undefined) {
        wrong.push({
          path: [...path, key],
          problem: "an Ollama model is whole, and its tag stands in its name",
        });
      }
    }
    if (also.length === 0) wrong.push(...wrongAddress(where, path));
  } else if (digest !== undefined) {
    wrong.push({
      path: [...path, "digest"],
      problem: "pins Ollama's models; those of the Hub are pinned by revision",
    });
  }
  if (repo !== undefined && scheme !== undefined) {
    wrong.push(...wrongAddress(where, path));
    if (/^(?:file|https?):.*#/iu.test(source ?? "")) {
      wrong.push({
        path: [...path, "source"],
        problem: "must not contain #: repo says which model",
      });
    }
  }
  if (recommendedGib !== undefined && recommendedGib < memoryGib) {
    wrong.push({ path: [...path, "recommendedGib"], problem: "must be at least memoryGib" });
  }
  return wrong;
}

function wrongAddress(where: WrittenVariant, path: Path): WrongKey[] {
  try {
    partsOf(where);
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [{ path: [...path, "source"], problem: error.message }];
  }
}

const asksHttp = new Set(["annie", "http", "openai", "ollama"]);

function wrongStack({ stack, models }: Schema2): WrongKey[] {
  const wrong: WrongKey[] = [];
  const { service, services, port, health, base, proof } = stack;
  const capabilities = new Set(models.map(({ capability }) => capability));
  if (service !== undefined && !Object.hasOwn(services, service)) {
    wrong.push({
      path: ["stack", "service"],
      problem: `"${service}" is not among the services`,
      of: [["stack", "services", service]],
    });
  }
  if (
    service === undefined &&
    (port !== undefined || base !== "none" || Object.keys(services).length > 0)
  ) {
    wrong.push({
      path: ["stack"],
      problem: "must say which service answers (service: NAME)",
      of: [["stack", "service"]],
    });
  }
  if (asksHttp.has(health.kind) && port === undefined) {
    wrong.push({
      path: ["stack", "health"],
      problem: "is asked over HTTP, and needs the stack's port",
      of: [["stack", "port"]],
    });
  }
  if (/[/]/.test(base) && !/^(?:\.{1,2}\/|\/|~\/)/.test(base)) {
    wrong.push({
      path: ["stack", "base"],
      problem: `must be a path that begins with ./ or /, as in ./${base}`,
    });
  }
  if (!base.includes("/") && base !== "none" && !/^[a-z0-9][a-z0-9-]*\.yml$/.test(base)) {
    wrong.push({
      path: ["stack", "base"],
      problem: "must be none, a path such as ./compose.yml, or one of heros' own files",
    });
  }
  const of: readonly Path[] = models.map((_model, index) => ["models", index, "capability"]);
  const ofProof = wrongProof(proof, capabilities, ["stack", "proof"]);
  return [...wrong, ...ofProof.map((each) => ({ ...each, of }))];
}

function wrongService(
  value: Schema2,
  service: WrittenService,
  path: Path,
  known: Readonly<Record<"model" | "group" | "value", ReadonlySet<string>>>,
): WrongKey[] {
  const wrong = unknownGroups(value, service.groups, [...path, "groups"]);
  for (const [index, id] of service.loads.entries()) {
    if (!known.model.has(id)) {
      wrong.push({
        path: [...path, "loads", index],
        problem: `unknown model "${id}"`,
        of: [["models"]],
      });
    }
  }
  const places = new Set<string>();
  for (const [index, { at }] of service.models.entries()) {
    if (places.has(at))
      wrong.push({
        path: [...path, "models", index, "at"],
        problem: `"${at}" is duplicated`,
        of: [],
      });
    places.add(at);
  }
  const stores = new Set<string>(service.models.map(({ store }) => store));
  const texts: (readonly [Path, string])[] = [
    ...Object.entries(service.environment).map(
      ([name, text]) => [[...path, "environment", name], text] as const,
    ),
    ...(service.command ?? []).map((text, index) => [[...path, "command", index], text] as const),
    ...Object.entries(service.warmup?.environment ?? {}).map(
      ([name, text]) => [[...path, "warmup", "environment", name], text] as const,
    ),
    ...(service.warmup?.entrypoint ?? []).map(
      (text, index) => [[...path, "warmup", "entrypoint", index], text] as const,
    ),
    ...(service.warmup?.entrypointForAll ?? []).map(
      (text, index) => [[...path, "warmup", "entrypointForAll", index], text] as const,
    ),
  ];
  for (const [at, text] of texts) {
    for (const broken of brokenPlaceholdersIn(text)) {
      wrong.push({
        path: at,
        problem: `${broken} is no placeholder: they have small letters, and a name behind the colon`,
        of: [],
      });
    }
    for (const { name, argument } of placeholdersIn(text)) {
      const wants = Object.hasOwn(placeholderNames, name) ? placeholderNames[name] : undefined;
      const shown = `{${name}${argument === null ? "" : `:${argument}`}}`;
      if (wants === undefined) {
        const all = Object.entries(placeholderNames).map(
          ([each, want]) => `{${each}${want === null ? "" : `:${want.toUpperCase()}`}}`,
        );
        wrong.push({
          path: at,
          problem: `unknown placeholder ${shown}: there are ${all.join(", ")}`,
          of: [],
        });
      } else if (
        wants === null ? argument !== null : argument === null || !known[wants].has(argument)
      ) {
        wrong.push({
          path: at,
          problem: `${shown} must ${wants === null ? "stand alone" : `name a ${wants} of this file`}`,
          of: wants === "value" ? [["stack", "values", argument ?? ""]] : [["models"]],
        });
      } else if ((name === "hub" || name === "ollama") && !stores.has(name)) {
        wrong.push({
          path: at,
          problem: `${shown}: this service has no models of that store`,
          of: [[...path, "models"]],
        });
      }
    }
  }
  return wrong;
}

function unknownGroups({ groups }: Schema2, named: readonly string[], path: Path): WrongKey[] {
  return named.flatMap((id, index) =>
    groups.some((group) => group.id === id)
      ? []
      : [{ path: [...path, index], problem: `unknown group "${id}"`, of: [] }],
  );
}

function wrongHealth(value: Schema2, health: WrittenHealth, path: Path): WrongKey[] {
  const key = health.kind === "http" ? "expects" : "models";
  const listed = health.kind === "http" ? health.expects : "models" in health ? health.models : [];
  return listed.flatMap(({ groups }, index) =>
    unknownGroups(value, groups, [...path, key, index, "groups"]),
  );
}

function wrongCapabilities(value: Schema2): WrongKey[] {
  const { capabilities } = value.stack;
  return Object.entries(capabilities).flatMap(([name, { seen }]) => {
    const path: Path = ["stack", "capabilities", name, "seen"];
    if (seen === undefined) return [];
    const wrong = wrongHealth(value, seen.health, [...path, "health"]);
    if (asksHttp.has(seen.health.kind) && seen.port === undefined) {
      wrong.push({
        path,
        problem: "is asked over HTTP, and needs the port of the service",
        of: [[...path, "port"]],
      });
    }
    return wrong;
  });
}
