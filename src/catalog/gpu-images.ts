import type { GpuImage, Stack } from "./stack.ts";

/** The entry of an image as compose has it, from whatever registry; null for one that needs no GPU. */
export function gpuImageOf(
  { gpuImages }: Pick<Stack, "gpuImages">,
  image: string,
): GpuImage | null {
  const [name = ""] = (image.split("@")[0]?.split("/").at(-1) ?? "").split(":");
  return gpuImages.find((each) => each.image === name) ?? null;
}

/** What services with these images take, in GiB, beside the models. */
export function servicesGibOf(stack: Pick<Stack, "gpuImages">, images: readonly string[]): number {
  return images.reduce((sum, image) => sum + (gpuImageOf(stack, image)?.memoryGib ?? 0), 0);
}
