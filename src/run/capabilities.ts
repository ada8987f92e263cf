/** What Annie can do, in all the words for it. A new one is a row here, and a name in the catalog. */
interface Capability {
  /** Its name on the screen: the first words of its model's purpose in the catalog. */
  readonly title: string;
  /** Shown once she has it. */
  readonly sentence: string;
  /** She uses it while nobody talks to her. */
  readonly nightly?: true;
}

/** By its name in the health contract, which is the catalog's too. */
const capabilities: Readonly<Record<string, Capability>> = {
  memory_search: {
    title: "memory search",
    sentence: "Annie can now search her memory.",
  },
  voice_stt: {
    title: "speech-to-text",
    sentence: "Annie can now understand speech.",
  },
  voice_tts: {
    title: "text-to-speech",
    sentence: "Annie can now speak.",
  },
  batch_embedding: {
    title: "nightly re-index",
    sentence: "Annie can now re-index her memory overnight.",
    nightly: true,
  },
};

/** `voice_stt` in words. One that has no row is shown with spaces. */
export function capabilityName(name: string): string {
  return capabilities[name]?.title ?? name.replaceAll("_", " ");
}

/** Whether what it brings comes in the night. */
export function isNightly(name: string): boolean {
  return capabilities[name]?.nightly === true;
}

/** What a new capability means, as a sentence. */
export function capabilitySentence(name: string): string {
  return (
    capabilities[name]?.sentence ?? `Annie has a new ability: ${name.replaceAll(/[_-]+/g, " ")}.`
  );
}
