import { isS3 } from "../../run/repos/s3.ts";
import { type Catalog, gpuImageOf } from "../../catalog/catalog.ts";
import type { Deployment } from "../../deploy/compose/deployment.ts";
import type { Answers } from "../../plan/questions.ts";
import { mountOf } from "../../plan/storage.ts";
import { defaultEndpoint } from "../../source/hub/environment.ts";
import { tokenOf } from "../open-hub.ts";
import { toldVariables } from "./told-variables.ts";

export interface StackPlanRequest {
  readonly catalog: Catalog;
  readonly answers: Answers;
  /** Where the models are. */
  readonly cacheDir: string;
  /** The folder was given, whatever the answers say of storage. */
  readonly isGiven: boolean;
  /** Of the Hub. */
  readonly endpoint: string;
  readonly port: number;
  /** There is a GPU. */
  readonly gpu: boolean;
}

/** What the answers mean for the stack. */
export function stackPlan(request: StackPlanRequest): Deployment {
  const { catalog, answers, cacheDir, isGiven, endpoint, port, gpu } = request;
  return {
    cacheDir,
    mount: isGiven ? { kind: "folder" } : mountOf(answers.storage),
    told: toldVariables(catalog, answers),
    startup: answers.startup,
    // Programs of Python can't ask a bucket.
    endpoint: endpoint === defaultEndpoint || isS3(endpoint) ? null : endpoint,
    port,
    tokenFor: catalog.tokenFor,
    token: answers.keepToken ? tokenOf(answers.token) : null,
    gpu,
    needsGpu: (image) => gpuImageOf(catalog, image) !== null,
  };
}
