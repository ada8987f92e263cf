import { isS3 } from "../../run/repos/s3.ts";
import type { Capacity } from "../../catalog/capacity.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import { gpuImageOf } from "../../catalog/gpu-images.ts";
import type { StoreName } from "../../catalog/stack.ts";
import type { Deployment, StorePlace } from "../../deploy/compose/deployment.ts";
import type { Answers } from "../../plan/questions.ts";
import { type ModelsMount, mountOf } from "../../plan/storage.ts";
import { defaultEndpoint } from "../../source/hub/environment.ts";
import type { ModelPlaces } from "../models-place.ts";
import { tokenOf } from "../open-hub.ts";
import { fillServices } from "./fill-services.ts";

export interface StackPlanRequest {
  readonly catalog: Catalog;
  readonly answers: Answers;
  /** Where the models are. */
  readonly places: ModelPlaces;
  /** The folder was given, whatever the answers say of storage. */
  readonly isGiven: boolean;
  /** Of the Hub. */
  readonly endpoint: string;
  readonly port: number;
  readonly capacity: Capacity;
}

/** What the answers mean for the stack. */
export function stackPlan(request: StackPlanRequest): Deployment {
  const { catalog, answers, endpoint, port, capacity } = request;
  const { stack } = catalog;
  return {
    stack,
    stores: storesOf(request),
    services: fillServices({ catalog, answers, capacity }),
    startup: answers.startup,
    // Programs of Python can't ask a bucket.
    endpoint: endpoint === defaultEndpoint || isS3(endpoint) ? null : endpoint,
    port,
    token: answers.keepToken ? tokenOf(answers.token) : null,
    gpus: capacity.gpus,
    needsGpu: (image) => gpuImageOf(stack, image) !== null,
  };
}

/** Of the stores that services mount. */
function storesOf({ catalog, answers, places, isGiven }: StackPlanRequest): Deployment["stores"] {
  const { services, layout } = catalog.stack;
  const names = new Set(services.flatMap(({ mounts }) => mounts.map(({ store }) => store)));
  const placeOf = (store: StoreName): StorePlace => {
    const folder = store === "hub" ? places.cacheDir : places.ollamaDir;
    const mount: ModelsMount = isGiven ? { kind: "folder" } : mountOf(answers.storage);
    return { folder, mount: below(mount, layout[store]) };
  };
  return Object.fromEntries([...names].map((store) => [store, placeOf(store)]));
}

function below(mount: ModelsMount, folder: string): ModelsMount {
  if (folder === "." || mount.kind === "folder") return mount;
  if (mount.kind === "volume") return { ...mount, below: folder };
  return { ...mount, path: `${mount.path.replace(/\/$/u, "")}/${folder}` };
}
