import type { Probe } from "../host/time-limit.ts";
import type { Asked, Finding, Surroundings } from "./ask-machine.ts";
import type { Installation } from "./installation.ts";
import { assessImages, assessModels, assessNeededSpace, assessObstacle } from "./stored.ts";

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
  readonly asked: Asked;
  readonly surroundings: Surroundings;
}

const row = <Id extends string>(check: InstallationRow<Id>): InstallationRow<Id> => check;

/** In the order in which a report lists them. */
export const installationChecks = [
  row({
    id: "models",
    title: "Models",
    why: "Annie can only use models that are complete.",
    routine: false,
    assess: async ({ models, isSetUp }, { limitMs }) =>
      assessModels(await models, { isSetUp: await isSetUp, limitMs }),
  }),
  row({
    id: "models.folder",
    title: "Folders of the models",
    why: "Folders that another user owns stop a download.",
    routine: true,
    assess: async ({ obstacle }, machine) => assessObstacle(await obstacle, machine),
  }),
  row({
    id: "images",
    title: "Container images",
    why: "Annie's services start from them.",
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
] as const;
