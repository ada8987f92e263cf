/** Whether HF_HUB_OFFLINE says that the Hub may not be asked, with the words that huggingface_hub takes for yes. */
export function isHubOffline(env: Readonly<Record<string, string | undefined>>): boolean {
  return ["1", "ON", "YES", "TRUE"].includes((env["HF_HUB_OFFLINE"] ?? "").toUpperCase());
}
