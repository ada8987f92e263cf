import { stackFlag } from "../deploy/compose/compose-files.ts";
import { isUnknownIssuer } from "../host/certificates.ts";
import type { Probe } from "../host/time-limit.ts";
import { rootErrorCode } from "../run/failure.ts";
import type { Asked, Surroundings } from "./ask-machine.ts";
import { assessCertificates } from "./certificates.ts";
import type { Finding } from "./finding.ts";
import type { Installation } from "./installation.ts";
import { assessClock, assessProxy, assessTokens } from "./network-settings.ts";
import {
  assessHealth,
  assessFiles,
  assessMounts,
  assessServices,
  notSetUp,
  voiceOf,
} from "./stack.ts";
import {
  assessImages,
  assessLeftNames,
  assessModels,
  assessNeededSpace,
  assessObstacle,
  outOfReach,
} from "./stored.ts";

/** A check of what setup and pull made; `heros doctor` alone runs it. */
interface InstallationRow<Id extends string> {
  readonly id: Id;
  readonly title: string;
  /** Why it matters to a person, in one sentence. */
  readonly why: string;
  /** Where all is well, only who asks for everything is told. */
  readonly routine: boolean;
  readonly assess: (here: Installation, machine: Machine) => Promise<Finding>;
}

/** What is known of the machine beside it. */
interface Machine extends Pick<Probe, "limitMs"> {
  readonly probe: Probe;
  readonly asked: Asked;
  readonly surroundings: Surroundings;
}

const row = <Id extends string>(check: InstallationRow<Id>): InstallationRow<Id> => check;

/** In the order in which a report lists them. */
export const installationChecks = [
  row({
    id: "clock",
    title: "Clock",
    why: "A clock that is far off makes secure connections fail.",
    routine: true,
    assess: async ({ clock }, machine) => assessClock(await clock, machine),
  }),
  row({
    id: "proxy",
    title: "Proxy",
    why: "Downloads go through it.",
    routine: true,
    async assess(_here, { asked, probe, surroundings }) {
      const [endpoint = ""] = surroundings.endpoints;
      const answers = await asked.hub;
      const isReached = answers.some(({ answer }) => answer.kind === "hub");
      return assessProxy(probe.host.env, { endpoint, isReached });
    },
  }),
  row({
    id: "certificates",
    title: "Certificates",
    why: "A network that inspects connections has one of its own.",
    routine: true,
    async assess({ certificates }, { asked, probe, limitMs }) {
      const [answers, files] = await Promise.all([asked.hub, certificates]);
      const untrusted = answers.find(
        ({ answer }) =>
          answer.kind === "unusable" &&
          answer.failure.code === "hub.tls" &&
          isUnknownIssuer(rootErrorCode(answer.failure.cause)),
      );
      const isOff = probe.host.env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0";
      return assessCertificates(files, { untrusted: untrusted?.endpoint ?? null, isOff, limitMs });
    },
  }),
  row({
    id: "token",
    title: "Hugging Face token",
    why: "Gated models need one, and nobody else may read it.",
    routine: true,
    async assess(here, { asked, limitMs }) {
      // Whether one is refused is known once the Hub has answered: they are looked at only then.
      await asked.hub;
      return assessTokens(await here.tokens, { limitMs });
    },
  }),
  row({
    id: "models",
    title: "Models",
    why: "{assistant} can only use models that are complete.",
    routine: false,
    async assess({ models, isSetUp, isRunning }, { limitMs }) {
      const [survey, wasSetUp, runs] = await Promise.all([models, isSetUp, isRunning]);
      return assessModels(survey, { isSetUp: wasSetUp, isRunning: runs, limitMs });
    },
  }),
  row({
    id: "models.folder",
    title: "Folders of the models",
    why: "Folders that another user owns stop a download.",
    routine: true,
    async assess({ models, obstacle }, machine) {
      if ((await models) === null) return outOfReach;
      return assessObstacle(await obstacle, machine);
    },
  }),
  row({
    id: "images",
    title: "Container images",
    why: "{assistant}'s services start from them.",
    routine: false,
    async assess({ images }, { asked, limitMs }) {
      const [found, { state }] = await Promise.all([images, asked.docker]);
      return assessImages(found, { docker: state, limitMs });
    },
  }),
  row({
    id: "disk.needed",
    title: "Space for the download",
    why: "A download that does not fit does not start.",
    routine: true,
    assess: async ({ needs }) => assessNeededSpace(await needs),
  }),
  row({
    id: "files",
    title: "{assistant}'s files",
    why: "{assistant} runs as they say.",
    routine: true,
    async assess({ files, isSetUp }, { asked, surroundings, limitMs }) {
      const { stackDir } = surroundings;
      // A setup reads them only with a compose that works.
      const [{ state }, gpu, memory] = await Promise.all([asked.compose, asked.gpu, asked.memory]);
      if (state !== "there") return { status: "skipped", found: "Docker Compose does not answer" };
      const found = await files({ gpu, memoryBytes: memory?.totalBytes ?? 0 });
      return assessFiles(found, { isSetUp: await isSetUp, limitMs, stackDir });
    },
  }),
  row({
    id: "services",
    title: "{assistant}'s services",
    why: "Each of them has to run.",
    routine: false,
    async assess(here, { asked, probe, surroundings, limitMs }) {
      const { containers, troubleOf, isSetUp } = here;
      if (!(await isSetUp)) return notSetUp;
      const [listing, { state }] = await Promise.all([containers, asked.docker]);
      const voice = async () => voiceOf(await here.health);
      const { stackDir, core } = surroundings;
      const start = `heros up${stackFlag(probe.host, core, stackDir)}`;
      const own = core.service ?? "";
      const known = { docker: state, stackDir, own, start, troubleOf, voice, limitMs };
      return assessServices(listing, known);
    },
  }),
  row({
    id: "leftovers",
    title: "Leftovers in Docker",
    why: "Interrupted runs may leave names of images nobody uses.",
    routine: true,
    async assess({ leftNames }, { asked, limitMs }) {
      const [names, { state }] = await Promise.all([leftNames, asked.docker]);
      return assessLeftNames(names, { docker: state, limitMs });
    },
  }),
  row({
    id: "mounts",
    title: "Models in {assistant}'s container",
    why: "Without them, every model is downloaded a second time.",
    routine: true,
    assess: async ({ mounts }, machine) => assessMounts(await mounts, machine),
  }),
  row({
    id: "annie",
    title: "{assistant}",
    why: "It shows whether all works, not only whether it runs.",
    routine: false,
    assess: async ({ health, isSetUp }, { limitMs }) =>
      assessHealth(await health, { isSetUp: await isSetUp, limitMs }),
  }),
] as const;
