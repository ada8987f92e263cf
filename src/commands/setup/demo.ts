import { type DemoWorld, prepareDemo } from "../../demo/prepare-demo.ts";
import { usualFolder } from "../../deploy/compose/compose-files.ts";
import { lookAtPlace } from "../../host/places.ts";
import { answerLimitMs, late, withinLimit } from "../../host/time-limit.ts";
import { placeFailure } from "../../checks/disks.ts";
import type { Answers } from "../../plan/questions.ts";
import { mountOf } from "../../plan/storage.ts";
import type { Person } from "../../plan/interview.ts";
import type { DemoFolder } from "../../record/handover.ts";
import type { FilePlace } from "../../run/file-failure.ts";
import { failure } from "../../run/failures/table.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import type { SetupRequest, Work } from "../command-request.ts";
import { demoSummary } from "./closing-summary.ts";
import { continuationOf, requestOf, setup, type SetupOptions } from "./setup.ts";

export interface DemoOptions extends SetupOptions {
  readonly speed: number;
  /** Its folder stays when it ends. */
  readonly keep: boolean;
  /** The stack's, where its flag was given. */
  readonly port: number | null;
  /** The Node that runs heros, for the demo's own processes. */
  readonly nodePath: string;
  /** The world in which this process goes on; null where it makes one. */
  readonly earlier: DemoFolder | null;
}

/**
 * `heros setup --demo`: the same setup in a world of its own, which is removed at the end unless asked to keep. What it is
 * given is checked as for a real one; then folders lie in the demo's own, and only its own Hub is asked.
 */
export async function performDemo(
  work: Work,
  options: DemoOptions,
): Promise<readonly string[] | null> {
  const { settings: given, dryRun, keep, person, assetsDir, nodePath, detach, earlier } = options;
  const { ask, remedy } = person;
  requireSimulated(given);
  await requireFolders(work, givenFolders(work, given));
  const world = await prepareDemo({
    host: work.host,
    catalog: given.catalog,
    nodePath,
    speed: options.speed,
    folder: earlier?.folder ?? null,
    port: earlier?.port ?? options.port,
    tokens: acceptedTokens(given),
  });
  const kept = `The demo's folder is kept: ${world.folder}`;
  if (keep) work.emit({ type: "notice", level: "info", code: "demo.kept", message: kept });
  try {
    const inside = { ...work, host: world.host };
    const request = await requestOf(world.host, settingsInside(world, given), {
      dryRun,
      person:
        ask === undefined
          ? {}
          : { ask: askInside(work, world, ask), ...(remedy === undefined ? {} : { remedy }) },
      assetsDir,
    });
    const onSettled: SetupRequest["onSettled"] = (answers, countedFromMs) => {
      const { folder, port } = world;
      detach.continueWith(async () => ({
        ...(await continuationOf(world.host, request, answers)),
        countedFromMs,
        demo: { folder, port },
      }));
    };
    const summary: SetupRequest["summary"] = (online, plan) =>
      demoSummary(
        { online, plan },
        {
          host: work.host,
          stack: given.catalog.stack,
          assetsDir,
          nodePath,
          kept: keep ? world.folder : null,
        },
      );
    return await setup(inside, { ...request, onSettled, summary });
  } finally {
    await world.dispose({ keep: keep || detach.isMade() });
  }
}

/** What was given, with the demo's own folders, Hub and port. */
function settingsInside(world: DemoWorld, given: GatheredSettings): GatheredSettings {
  const { cacheDir, stackDir, decided } = given;
  return {
    ...given,
    // What a simulated assistant answers proves nothing.
    catalog: { ...given.catalog, stack: { ...given.catalog.stack, proof: null } },
    endpoint: world.endpoint,
    mirrors: [],
    cacheDir: cacheDir === null ? null : world.inside(cacheDir),
    stackDir: world.inside(stackDir),
    stateDir: world.stateDir,
    port: world.port,
    decided: decided.map(({ storage, ...rest }) =>
      storage === undefined ? rest : { ...rest, storage: storage.map((it) => inWorld(world, it)) },
    ),
  };
}

/** The person names folders of this machine; what comes of them is the demo's. */
/** The simulated world has a Hub and one program that tells of its health. @throws Failure `demo.other_stack` (exit 2) */
function requireSimulated({ catalog, given }: GatheredSettings): void {
  const { stack, models } = catalog;
  const isOfHub = models.every(({ parts }) => parts.every(({ repo }) => schemeOf(repo) === "hub"));
  if (stack.health.kind === "annie" && isOfHub) return;
  throw failure("demo.other_stack", { title: stack.title, catalog: given.catalog ?? stack.id });
}

function askInside(work: Work, world: DemoWorld, ask: NonNullable<Person["ask"]>) {
  const moved = (answers: Answers): Answers => ({
    ...answers,
    storage: inWorld(world, answers.storage),
  });
  return async (...[interview, signal]: Parameters<typeof ask>): Promise<Answers | null> => {
    const preview: typeof interview.preview = async (answers, stop) => {
      await requireFolders(work, storageFolders([answers.storage]));
      return interview.preview(moved(answers), stop);
    };
    const checkFolder: typeof interview.checkFolder = async (answers, stop) => {
      await requireFolders(work, storageFolders([answers.storage]));
      await interview.checkFolder(moved(answers), stop);
    };
    const answers = await ask({ ...interview, preview, checkFolder }, signal);
    return answers === null ? null : moved(answers);
  };
}

function inWorld<Storage extends string>(
  world: DemoWorld,
  storage: Storage,
): Storage | `/${string}` {
  if (storage.startsWith("/")) return asPath(world.inside(storage));
  // The demo's Docker and network are played: a volume or an export is a folder there.
  const { kind } = mountOf(storage);
  return kind === "folder" ? storage : asPath(world.inside(`/${storage.replace(":", "/")}`));
}

function asPath(folder: string): `/${string}` {
  return `/${folder.replace(/^\//, "")}`;
}

function givenFolders({ host }: Work, given: GatheredSettings): readonly FilePlace[] {
  const { catalog, cacheDir, stackDir, decided } = given;
  const usual = usualFolder(host, catalog.stack);
  return [
    ...(stackDir === usual ? [] : [{ folder: stackDir, area: "stack" } as const]),
    ...storageFolders([cacheDir ?? "", ...decided.flatMap(({ storage = [] }) => storage)]),
  ];
}

function storageFolders(values: readonly string[]): readonly FilePlace[] {
  return values
    .filter((value) => value.startsWith("/"))
    .map((folder) => ({ folder, area: "cache" }));
}

/** A token that was named is one of the demo's Hub, and goes nowhere else. */
function acceptedTokens({ tokenFile }: GatheredSettings): Record<string, string> {
  if (tokenFile === null || tokenFile.source === "none") return {};
  return { [tokenFile.token.reveal()]: "you" };
}

/**
 * Whether these folders can be written to, or made, judged without touching them.
 * @throws Failure `stack.…`, `cache.…`, `disk.…` (exit 1)
 */
export async function requireFolders(
  { host, signal }: Pick<Work, "host" | "signal">,
  places: readonly FilePlace[],
): Promise<void> {
  const limitMs = answerLimitMs(host);
  for (const { folder, area } of places) {
    const place = await withinLimit({ host, signal, limitMs }, () => lookAtPlace(host, folder));
    if (place === late) continue;
    const unusable = placeFailure(place, { area, home: host.home });
    if (unusable !== null) throw unusable;
  }
}
