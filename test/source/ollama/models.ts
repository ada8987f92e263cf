import { type Content, contentOf, describe, type Image, noise } from "../oci/images.ts";

/** A model of Ollama's: its configuration first, then its layers. */
export type OllamaModel = Image;

const manifestType = "application/vnd.docker.distribution.manifest.v2+json";

export interface ModelParts {
  /** Of its weights. */
  readonly sizeBytes?: number;
  /** In the place of weights that look like nothing. */
  readonly weights?: Buffer;
  readonly template?: string;
  /** Changes the manifest before it is written down. */
  readonly change?: (manifest: Record<string, unknown>) => unknown;
}

/** As Ollama's registry has them: weights, a template, a license and parameters. */
export function ollamaModel(seed: string, parts: ModelParts = {}): OllamaModel {
  const { sizeBytes = 2_000_000, template = "{{ .Prompt }}", change = (whole) => whole } = parts;
  const layers: (readonly [string, Content])[] = [
    ["model", contentOf(parts.weights ?? noise(seed, sizeBytes))],
    ["template", contentOf(template)],
    ["license", contentOf("MIT License\n")],
    ["params", contentOf('{"stop":["<|end|>"]}')],
  ];
  const config = contentOf(
    JSON.stringify({
      model_format: "gguf",
      model_family: "llama",
      model_families: ["llama"],
      model_type: "7B",
      file_type: "Q4_0",
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: layers.map(([, { digest }]) => digest) },
    }),
  );
  const manifest = contentOf(
    JSON.stringify(
      change({
        schemaVersion: 2,
        mediaType: manifestType,
        config: describe(config, "application/vnd.docker.container.image.v1+json"),
        layers: layers.map(([kind, content]) =>
          describe(content, `application/vnd.ollama.image.${kind}`),
        ),
      }),
    ),
  );
  const blobs = [config, ...layers.map(([, content]) => content)];
  return { ...manifest, mediaType: manifestType, blobs, diffIds: [], platform: {} };
}
