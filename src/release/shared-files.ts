/** What a version brings for other programs, by its path below `share`: as those look for it. */
export const sharedFiles = {
  manual: "man/man1/heros.1",
  bash: "bash-completion/completions/heros",
  zsh: "zsh/site-functions/_heros",
  fish: "fish/vendor_completions.d/heros.fish",
} as const;
