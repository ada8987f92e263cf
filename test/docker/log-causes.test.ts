import { describe, expect, it } from "vitest";
import { gpuCauseIn } from "../../src/docker/log-causes.ts";
import { adviceFor } from "../../src/run/failures/annie.ts";

/** What the programs print, and what helps. */
const logs: readonly (readonly [said: string, advice: RegExp])[] = [
  [
    "ValueError: Free memory on device (53.2/121.69 GiB) on startup is less than desired GPU memory utilization (0.9, 109.52 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.\nRuntimeError: Engine core initialization failed.",
    /--query-compute-apps.*lower --gpu-memory-utilization.*drop_caches/u,
  ],
  [
    "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
    /lower --max-model-len .* or raise --gpu-memory-utilization/u,
  ],
  [
    "ValueError: The model's max seq len (32768) is larger than the maximum number of tokens that can be stored in KV cache (8192).",
    /lower --max-model-len/u,
  ],
  [
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    /ran out of memory.*--tiers 1/u,
  ],
  [
    'RuntimeError: NVML_SUCCESS == r INTERNAL ASSERT FAILED at "/c10/cuda/CUDACachingAllocator.cpp":1016',
    /ran out of memory/u,
  ],
  ["Failed to initialize NVML: Unknown Error", /lost the GPU: restart it/u],
  ["Failed to initialize NVML: Driver/library version mismatch", /sudo reboot/u],
];

describe("a container's log", () => {
  it.each(logs)("%s", (said, advice) => {
    const cause = gpuCauseIn(`loading\n${said}\nbye`);
    expect(cause === null ? null : adviceFor(cause, "vllm")).toMatch(advice);
  });

  it("that has nothing to do with the GPU names no such cause", () => {
    expect(gpuCauseIn("vLLM 0.9 with gpu_memory_utilization=0.9\nMemoryError")).toBeNull();
  });
});
