const sentences: Readonly<Record<string, string>> = {
  memory_search: "Annie can now search her memory.",
  voice_stt: "Annie can now listen to voice.",
  voice_tts: "Annie can now speak.",
  batch_embedding: "Annie can now re-index her memory overnight.",
};

/** What a new capability means, as a sentence. */
export function capabilitySentence(name: string): string {
  return sentences[name] ?? `Annie has a new ability: ${name.replaceAll(/[_-]+/g, " ")}.`;
}
