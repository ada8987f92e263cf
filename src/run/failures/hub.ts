import { exitCodes } from "../failure.ts";
import { row } from "./row.ts";

export const hubFailures = {
  "hub.offline": row<{ readonly missing: string }>({
    exitCode: exitCodes.network,
    message: ({ missing }) => `HF_HUB_OFFLINE is set, and the cache does not have ${missing}.`,
    hint: () =>
      "Unset HF_HUB_OFFLINE and run heros again, or point HF_HUB_CACHE to a cache that has it.",
  }),
};
