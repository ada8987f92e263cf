import type { LikelyCause } from "../run/failures/annie.ts";

type GpuCause = Extract<LikelyCause, { readonly kind: "gpu-memory" | "gpu-lost" | "wrong-gpu" }>;

/**
 * What programs print when they lack the GPU or its memory, or were not built for it, the most telling first: vLLM (`vllm/v1/worker/gpu_worker.py` and
 * `vllm/v1/core/kv_cache_utils.py`), PyTorch, llama.cpp, and NVIDIA's NVML.
 */
const causes: readonly (readonly [words: RegExp, cause: GpuCause])[] = [
  [
    /Free memory on device.{0,80}is less than desired GPU memory utilization/is,
    { kind: "gpu-memory", lack: "share" },
  ],
  [
    /No available memory for the cache blocks|(?:tokens that can be stored in|than the available) KV cache/i,
    { kind: "gpu-memory", lack: "cache" },
  ],
  [
    /no kernel image is available|is not compatible with the current PyTorch/i,
    { kind: "wrong-gpu" },
  ],
  [/driver\/library version mismatch/i, { kind: "gpu-lost", until: "reboot" }],
  [/Failed to initialize NVML: Unknown Error/i, { kind: "gpu-lost", until: "restart" }],
  // PyTorch asks NVML why it got no memory, and trips over the answer of a GPU that shares the system's.
  [
    /CUDA out of memory|OutOfMemoryError: CUDA|CUDA error: out of memory|cudaErrorMemoryAllocation|cudaMalloc failed: out of memory|NVML_SUCCESS == r INTERNAL ASSERT FAILED/i,
    { kind: "gpu-memory", lack: "any" },
  ],
];

/** Whether a container's last lines say that it lacks the GPU or its memory, or was not built for it; null where they don't. */
export function gpuCauseIn(log: string): LikelyCause | null {
  return causes.find(([words]) => words.test(log))?.[1] ?? null;
}
