/** What a stack is: the services that heros sets up, how they get their models, and how one sees that they work. */
export interface Stack {
  /** The name of its folder, too, where nobody says another. */
  readonly id: string;
  readonly title: string;
  /** What it is, in a line; null where its title says it. */
  readonly gives: string | null;
  /** What its assistant is called: "Ann". */
  readonly assistant: string;
  /** The compose file that is laid down where the person has none. */
  readonly base: StackBase;
  /** The service that answers; null where there are models alone. */
  readonly service: string | null;
  /** Where it answers; null where nothing of it is published. */
  readonly port: StackPort | null;
  /** By name, in the order of the catalog. Those that get something of heros; the base may have others. */
  readonly services: readonly CatalogService[];
  readonly health: HealthContract;
  /** One question that shows that it works; null where none is known. */
  readonly proof: CatalogProof | null;
  /** In words, by the names that models and the health contract have for them. */
  readonly capabilities: Readonly<Record<string, Capability>>;
  /** Variables that heros makes a password for where the compose files want one. */
  readonly passwords: readonly StackPassword[];
  /** Images of other services that need the GPU. */
  readonly gpuImages: readonly GpuImage[];
  /** Where stores are in a folder that was chosen for models, relative to it: `huggingface/hub`. */
  readonly layout: Readonly<Record<StoreName, string>>;
  /** The volume of compose files in which earlier installs kept their models; null where there were none. */
  readonly earlierVolume: string | null;
  /** Numbers that follow from the machine, by name. */
  readonly values: Readonly<Record<string, MachineValue>>;
}

export type StackBase =
  /** A file of `assets/compose`. */
  | { readonly kind: "shipped"; readonly name: string }
  /** As the catalog names it: relative to the catalog's own folder. */
  | { readonly kind: "file"; readonly path: string }
  /** None: models alone, or compose files that the person has. */
  | { readonly kind: "none" };

export interface StackPort {
  /** The variable of the compose file that says it. */
  readonly variable: string;
  /** The variable of the address that it is bound to; null where there is none. */
  readonly bind: string | null;
  readonly usual: number;
  /** Where the service listens in its container. */
  readonly inside: number;
}

/** Where models are kept, by what reads them. */
export type StoreName = "hub" | "ollama";

/** Where a service looks for models. */
export interface StoreMount {
  readonly store: StoreName;
  /** Absolute, in the container: of the Hub's cache the folder that holds `models--…`, of Ollama's the one of `blobs`. */
  readonly at: string;
  readonly readOnly: boolean;
}

/** Texts may hold placeholders, which `fillPlaceholders` knows. */
export interface CatalogService {
  readonly name: string;
  readonly mounts: readonly StoreMount[];
  readonly environment: Readonly<Record<string, string>>;
  /** It asks the Hub itself, and so gets the token. */
  readonly token: boolean;
  /** Null for a worker of the processor. */
  readonly gpus: Gpus | null;
  /** As compose writes them: `12G`; null where none is set. */
  readonly memory: { readonly limit: string | null; readonly reservation: string | null };
  /** Its arguments; null for those of its image. */
  readonly command: readonly string[] | null;
  /** It runs only where one of these groups is chosen; none: always. */
  readonly groups: readonly string[];
  /** Models that it loads, by id; none where it does not matter which. */
  readonly loads: readonly string[];
  /** Variables of the image that heros leaves alone, for whoever reads the catalog. */
  readonly reads: readonly string[];
  /** A container of its image that looks for the models at every start, where that is the answer. */
  readonly warmup: Warmup | null;
  /** The variable that says where the stack looks for models of its image. */
  readonly bakedModels: string | null;
}

export type Gpus =
  | { readonly kind: "all" }
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "devices"; readonly ids: readonly string[] };

export interface Warmup {
  /** The name of its service. */
  readonly name: string;
  readonly entrypoint: readonly string[];
  /** The same where every model is chosen. */
  readonly entrypointForAll: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly token: boolean;
}

/** How one sees from outside whether a stack is well. */
export type HealthContract =
  /** `GET /health` tells a status, models and capabilities: `run/health-report.ts`. */
  | { readonly kind: "annie"; readonly path: string }
  /** An answer of 2xx, and in its JSON what is expected. */
  | { readonly kind: "http"; readonly path: string; readonly expects: readonly Expectation[] }
  /** `GET /v1/models` lists these. */
  | { readonly kind: "openai"; readonly models: readonly ServedModel[] }
  /** `GET /api/tags` lists these. */
  | { readonly kind: "ollama"; readonly models: readonly ServedModel[] }
  /** Docker's own check of the service's container; that it runs, where it has none. */
  | { readonly kind: "compose" };

export interface Expectation {
  /** Keys, and numbers of lists, that lead to it. */
  readonly path: readonly string[];
  /** What stands there; left out where it is enough that something does. */
  readonly equals?: string | number | boolean;
  /** Asked only where one of these groups is chosen; none: always. */
  readonly groups: readonly string[];
  /** What it shows that the stack can do; null where it is a condition of being well. */
  readonly capability: string | null;
}

export interface ServedModel {
  /** As the answer has it. */
  readonly name: string;
  readonly capability: string | null;
  /** Asked only where one of these groups is chosen; none: always. */
  readonly groups: readonly string[];
}

export interface CatalogProof {
  /** Asked only where it is to be there; null: always. */
  readonly capability: string | null;
  readonly method: "GET" | "POST";
  /** On the stack's own address, from "/" on. */
  readonly path: string;
  /** JSON; null where nothing is sent. */
  readonly body: unknown;
  /** Keys that lead to what the answer must hold. */
  readonly answer: readonly string[];
}

export interface Capability {
  /** On the screen: the first words of its model's purpose. */
  readonly title: string;
  /** Shown once it is there. */
  readonly sentence: string;
  /** It is used while nobody is there. */
  readonly nightly: boolean;
  /** How one sees that it is there, where the stack's own health does not say. */
  readonly seen: CapabilityCheck | null;
}

/** Another service that is asked for one capability. */
export interface CapabilityCheck {
  readonly service: string;
  /** In its container; null where Docker's own check is asked. */
  readonly port: number | null;
  readonly contract: HealthContract;
}

export interface StackPassword {
  readonly variable: string;
  /** Images of the database that keeps it, as parts of their names; none where it can be changed at any time. */
  readonly images: readonly string[];
  /** Where the database keeps its data, as a part of the path in its container. */
  readonly data: readonly string[];
}

/** An image of a service that needs the GPU, whatever the catalog says of the service. */
export interface GpuImage {
  /** The last part of its name: `kokoro-fastapi-gpu`. */
  readonly image: string;
  /** Memory that it takes once it runs, in GiB. */
  readonly memoryGib: number;
}

/** A number by how much of something the machine has. */
export interface MachineValue {
  readonly of: "gpu-memory-gib" | "memory-gib" | "gpus";
  /** Ascending by `from`; the last that is not above what there is counts. */
  readonly steps: readonly { readonly from: number; readonly value: string }[];
}

/** @throws never; null for a name that the catalog has nothing for */
export function serviceOf(stack: Pick<Stack, "services">, name: string): CatalogService | null {
  return stack.services.find((each) => each.name === name) ?? null;
}
