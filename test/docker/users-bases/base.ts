/** A stack as a person may have it before heros comes. */
export interface UsersBase {
  readonly kind: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** The oldest compose that takes it; default: every one. */
  readonly since?: readonly [number, number];
  /** The code with which heros refuses it. */
  readonly refused?: string;
}

interface Parts {
  /** Lines of Annie's service, behind its image. */
  readonly core?: string;
  readonly ports?: string;
  readonly volumes?: string;
  readonly services?: string;
  readonly top?: string;
  /** What its volumes are. */
  readonly named?: string;
}

export const usualPort = '["127.0.0.1:${HER_OS_PORT:-8000}:8000"]';

/** A base of two services; each part is written as it would stand at the left margin. */
export function base(parts: Parts = {}): string {
  const { core = "", ports = usualPort, volumes = '["model-cache:/data/models"]' } = parts;
  const { services = "", top = "", named: volumesOfAll = "{model-cache: , db: }" } = parts;
  const own = [
    "image: ghcr.io/her-os/her-os-core:latest",
    ...(ports === "" ? [] : [`ports: ${ports}`]),
    ...(volumes === "" ? [] : [`volumes: ${volumes}`]),
    core,
  ].join("\n");
  const postgres =
    'postgres:\n  image: postgres:17\n  volumes: ["db:/var/lib/postgresql/data"]\n  environment: {POSTGRES_PASSWORD: given}';
  return [
    top,
    "services:",
    indent("her-os-core:", 2),
    indent(own, 4),
    indent(postgres, 2),
    indent(services, 2),
    `volumes: ${volumesOfAll}\n`,
  ].join("\n");
}

function indent(text: string, by: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(by));
}

export const more =
  'services:\n  her-os-core: {environment: {MORE: "1"}}\n  extra: {image: extra}\n';

/** A GPU, as NVIDIA writes it. */
export const reserved =
  "deploy: {resources: {limits: {memory: 8g}, reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}}}";

export const compose = (text: string) => ({ "compose.yaml": text });
export const one = (kind: string, parts: Parts, more_: Partial<UsersBase> = {}): UsersBase => ({
  kind,
  files: compose(base(parts)),
  ...more_,
});
