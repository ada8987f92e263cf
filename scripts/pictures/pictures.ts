// Makes the pictures of the README from heros' own screens: npm run pictures
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { memoryGibOf, modelsOfGroups, prioritiesOf } from "../../src/catalog/catalog.ts";
import type { Interview } from "../../src/plan/interview.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import type { PlannedDisk, PlanReady } from "../../src/run/events/plan.ts";
import { initialState, reduce, type RunState } from "../../src/run/state/state.ts";
import { headroom, neededFor } from "../../src/store/store.ts";
import { createInkWriter, type InkWriter } from "../../src/ui/ink/writer.tsx";
import { createEmulator } from "../../test/terminal/emulator.ts";
import { createMemoryTerminal, type MemoryTerminal } from "../../test/terminal/memory-terminal.ts";
import { keys } from "../../test/terminal/pty.ts";
import { cannedInterview, catalog, models, spark } from "../../test/ui/canned-interview.ts";
import { filmSvg, type Frame, stillSvg } from "./svg.ts";

// Read by the colour library when Ink is loaded, which is later: the pictures have a terminal's sixteen colours.
process.env["FORCE_COLOR"] = "1";

const folder = new URL("../../assets/pictures/", import.meta.url);
const columns = 84;
/** The demo's bytes are a two-hundredth of the real ones. */
const demoShare = 200;
/** A run of the demo, and one in the demo's world that ends as a real one does. */
const events = await eventsOf("setup-demo");
const realEvents = await eventsOf("setup");
const plan = find(events, "plan.ready");
const online = find(events, "annie.online");
const machine = find(events, "machine.detected");

/** The questions as the recorded run would have asked them. */
const recordedInterview: Partial<Interview> = {
  machine,
  models: plan.models,
  tokens: [],
  answers: { ...cannedInterview().answers, groups: plan.groups ?? [] },
  preview: async () => plan,
};

/** A screen that plays the recording, and of which pictures are taken. */
interface Stage {
  readonly writer: InkWriter;
  readonly memory: MemoryTerminal;
  /** Plays on, up to the first event for which `until` holds. */
  playTo(
    until: (event: TimedEvent) => boolean,
    seen?: (event: TimedEvent) => Promise<void>,
  ): Promise<void>;
  frame(holdMs: number): Promise<Frame>;
}

async function onStage(
  rows: number,
  recorded: readonly TimedEvent[],
  perform: (stage: Stage) => Promise<void>,
): Promise<void> {
  const memory = createMemoryTerminal({ columns, rows });
  let now = 0;
  const writer = await createInkWriter(memory.terminal, { now: () => now, frameMs: 0 });
  let next = 0;
  await perform({
    writer,
    memory,
    async playTo(until, seen) {
      for (; next < recorded.length; next += 1) {
        const event = recorded[next];
        if (event === undefined || until(event)) return;
        now = event.at;
        writer.write(event);
        await seen?.(event);
      }
    },
    async frame(holdMs) {
      await writer.drawn();
      await memory.emulator.settled();
      return { cells: memory.emulator.cells(), holdMs };
    },
  });
  await writer.close();
  memory.emulator.dispose();
}

/** Answers the questions with Enter alone, and shows each page to `seen`. */
async function answer(
  { writer, memory }: Stage,
  interview: Partial<Interview>,
  seen: (page: number) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  let answered = false;
  const asked = writer
    .ask(cannedInterview(interview), stop.signal)
    .then(() => undefined)
    .catch(() => undefined)
    .finally(() => {
      answered = true;
    });
  for (let page = 0; page < 12; page += 1) {
    await pageSettled(memory, writer);
    if (answered) return;
    await seen(page);
    memory.type(keys.enter);
  }
  stop.abort();
  await asked;
  throw new Error("Twelve times Enter did not end the questions.");
}

/** Resolves once a page stands still: it may look for something first. */
async function pageSettled(memory: MemoryTerminal, writer: InkWriter): Promise<void> {
  let before: string;
  do {
    before = memory.emulator.text();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await writer.drawn();
    await memory.emulator.settled();
  } while (memory.emulator.text() !== before);
}

/** The first question and the review, with the sizes that the models have on the Hub. */
async function takeQuestions(): Promise<void> {
  const uncached = models.map((model) => ({ ...model, cachedBytes: 0 }));
  const realPlan = find(realEvents, "plan.ready");
  const realImages = (realPlan.images ?? []).map((image) => ({
    ...image,
    totalBytes: image.totalBytes * demoShare,
    unpackedBytes: image.unpackedBytes * demoShare,
  }));
  const interview: Partial<Interview> = {
    models: uncached,
    tokens: [],
    async preview({ groups }) {
      const own = modelsOfGroups(catalog, groups);
      const chosen = uncached.filter(({ id }) => own.some((model) => model.id === id));
      const totalBytes = chosen.reduce((sum, model) => sum + model.totalBytes, 0);
      const needed = {
        ...realPlan,
        tiers: prioritiesOf(catalog, groups),
        models: chosen,
        totalBytes,
        cachedBytes: 0,
      };
      const neededBytes = memoryGibOf(own) * 1024 ** 3;
      const memory = { neededBytes, totalBytes: spark.memoryBytes, ofGpu: false };
      return { ...needed, memory, images: realImages, disks: realDisks(realPlan, totalBytes) };
    },
  };
  await onStage(36, realEvents, async (stage) => {
    const pages: Frame[] = [];
    await stage.playTo(({ type }) => type === "plan.ready");
    await answer(stage, interview, async () => {
      pages.push(await stage.frame(0));
    });
    const [first, last] = [pages[0], pages.at(-1)];
    if (first === undefined || last === undefined) throw new Error("No question was asked.");
    const question = "heros setup has checked the machine and asks what Annie should be able to do";
    await keepStill("machine-and-tiers", question, first);
    await keepStill("review", "The review: what will be downloaded, written and started", last);
  });
}

/** What a real setup takes of the disk on which the demo's takes so little. */
function realDisks({ disks = [], totalBytes }: PlanReady, modelBytes: number): PlannedDisk[] {
  return disks.map((disk) => {
    const imageBytes = disk.neededBytes - headroom(0) - totalBytes;
    return { ...disk, neededBytes: neededFor(imageBytes * demoShare + modelBytes) };
  });
}

async function takeDownload(): Promise<void> {
  await onStage(30, events, async (stage) => {
    // Annie's image is unpacked while her models come.
    let state: RunState = initialState;
    await stage.playTo((event) => {
      // What is on the stage.
      const shown = state;
      state = reduce(state, event);
      const isUnpacked = shown.images.some(
        ({ phase, image }) => phase === "unpacking" && image.includes("her-os-core"),
      );
      const comes = shown.download.models.some(
        ({ receivedBytes, totalBytes }) =>
          receivedBytes > totalBytes / 3 && receivedBytes < totalBytes,
      );
      return isUnpacked && comes;
    });
    const title = "heros setup downloads images and models, and Docker unpacks them meanwhile";
    await keepStill("download", title, await stage.frame(0));
  });
}

async function takeEnding(): Promise<void> {
  await onStage(30, realEvents, async (stage) => {
    await stage.playTo(() => false);
    const title = "Annie is online: her address, what she can do, and what to know next";
    await keepStill("annie-online", title, await stage.frame(0));
  });
}

/** The whole run: what was typed, the checks, the questions, the download quicker than it was, the end. */
async function takeFilm(): Promise<void> {
  const frames = [await typed("$ ", 600), await typed("$ heros setup --demo", 1400)];
  await onStage(30, events, async (stage) => {
    const take = async (holdMs: number): Promise<void> => {
      frames.push(await stage.frame(holdMs));
    };
    await stage.playTo(
      ({ type }) => type === "machine.detected",
      async ({ type }) => {
        if (type === "check.finished") await take(150);
      },
    );
    await stage.playTo(({ type }) => type === "plan.ready");
    await take(1500);
    await answer(stage, recordedInterview, (page) => take(page === 0 ? 3500 : 2000));
    // Not the frame between a plan and what begins with it.
    let due = plan.at + 100;
    await stage.playTo(
      ({ type }) => type === "run.succeeded",
      async ({ at }) => {
        if (at < due) return;
        // What comes after Annie is online is one long download: it goes by quicker still.
        due = at + (at < online.at + 1000 ? 500 : 4000);
        await take(at < online.at + 1000 ? 400 : 500);
      },
    );
    await stage.playTo(() => false);
    await take(8000);
  });
  const title = "A run of heros setup --demo: checks, questions, downloads, and Annie is online";
  await keep("setup", filmSvg(frames, title));
}

/** A shell in which this was typed. */
async function typed(text: string, holdMs: number): Promise<Frame> {
  const shell = createEmulator({ columns, rows: 30 });
  shell.write(text);
  await shell.settled();
  const cells = shell.cells();
  shell.dispose();
  return { cells, holdMs };
}

function keepStill(name: string, title: string, { cells }: Frame): Promise<void> {
  return keep(name, stillSvg(cells, title));
}

async function keep(name: string, svg: string): Promise<void> {
  await writeFile(new URL(`${name}.svg`, folder), svg);
  console.log(`assets/pictures/${name}.svg  ${Math.ceil(svg.length / 1000)} kB`);
}

async function eventsOf(name: string): Promise<TimedEvent[]> {
  const text = await readFile(new URL(`${name}.jsonl`, import.meta.url), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TimedEvent);
}

function find<Type extends TimedEvent["type"]>(
  recorded: readonly TimedEvent[],
  type: Type,
): Extract<TimedEvent, { type: Type }> {
  const found = recorded.find((event) => event.type === type);
  if (found === undefined) throw new Error(`The recording has no ${type}.`);
  return found as Extract<TimedEvent, { type: Type }>;
}

await mkdir(folder, { recursive: true });
await takeQuestions();
await takeDownload();
await takeEnding();
await takeFilm();
