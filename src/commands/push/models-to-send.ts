import type { CatalogModel } from "../../catalog/catalog.ts";
import { failure } from "../../run/failures/table.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import { isWhole, type SurveyedModel } from "../../store/store.ts";
import type { Work } from "../command-request.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { type Placed, placeModels } from "../models-place.ts";
import { viewCache } from "../models/view-cache.ts";
import { chosenModels, type ModelChoice } from "../pull.ts";
import type { Kept } from "../remembered-answers.ts";

export interface SentModels {
  readonly settings: Placed<GatheredSettings>;
  /** All that is here of the chosen ones: whole, and of the Hub. */
  readonly models: readonly SurveyedModel[];
  readonly totalBytes: number;
}

export interface ModelsToSend {
  readonly settings: GatheredSettings;
  readonly choice: ModelChoice;
  readonly kept: Kept | null;
}

/**
 * The models that the other machine is to have: those that are named, else those of the sets that were chosen here, as far as they are here.
 * @throws Failure `push.not_cached`, `models.unknown`, `groups.unknown`, `usage.wrong` (exit 2); AbortError
 */
export async function modelsToSend(work: Work, request: ModelsToSend): Promise<SentModels> {
  const { emit } = work;
  const { choice } = request;
  const chosen = namedModels(request);
  const settings = await placeModels(work, request.settings);
  const { survey } = await viewCache(work, { fetching: settings, models: chosen, ask: "never" });
  const models = survey.models.filter((model) => isWhole(model) && isOfHub(model));
  const absent = survey.models.filter((model) => !models.includes(model));
  if (absent.length > 0) {
    if (choice.names.length > 0) {
      throw failure("push.not_cached", { models: absent.map(({ id }) => id) });
    }
    const titles = absent.map(({ title }) => title).join(", ");
    const message = `Not sent, because this machine does not have all of it: ${titles}.`;
    const hint = "heros setup there downloads what is missing.";
    emit({ type: "notice", level: "info", code: "push.not_here", message, hint });
  }
  return {
    settings,
    models,
    totalBytes: models.reduce((sum, model) => sum + model.totalBytes, 0),
  };
}

function namedModels({ settings, choice, kept }: ModelsToSend): readonly CatalogModel[] {
  const decided = [...(kept === null ? [] : [kept.answers]), ...settings.decided];
  return chosenModels(choice, { ...settings, decided });
}

/** What this machine can serve. */
function isOfHub({ snapshots }: SurveyedModel): boolean {
  return snapshots.every(({ repo }) => schemeOf(repo) === "hub");
}
