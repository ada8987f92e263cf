/** What other guides to models in containers list as trouble, and heros' answer. */
export const otherGuides: readonly (readonly [trouble: string, answer: string])[] = [
  [
    "Models are downloaded again at every start",
    "`heros doctor mounts` compares what Annie's running container has mounted with her compose files. `heros setup` starts it again with the right folder; nothing is downloaded twice.",
  ],
  [
    "Where are the models mounted? (`docker inspect CONTAINER | grep -A 10 Mounts`)",
    "`heros doctor mounts` reads it from Docker: the folder or volume that her container really has, not only what the files say.",
  ],
  [
    "Is a model cached? (`du -sh`, `ls snapshots/`)",
    "`heros models ls` shows what is there and how large it is, `heros models verify` whether every byte is right.",
  ],
  [
    "Out of disk space",
    "`heros doctor disk.models disk.images disk.needed` says which disk is short, and by how much. `heros models prune` removes what nothing uses, `heros setup --storage /data/models` moves the models to another disk. Don't remove folders of the cache by hand while a download runs.",
  ],
  [
    "The GPU is out of memory",
    "`heros doctor memory services` compares what is free with what the chosen models need, and reads the log of a container that failed. For vLLM: lower `--gpu-memory-utilization`, then `--max-model-len`, or use a quantized model. Choose fewer models: `heros setup --tiers 1`. See [annie.container_failed](#anniecontainer_failed).",
  ],
  [
    "A download hangs",
    "heros retries by itself, and continues where it stopped after any break. `heros status --watch` shows the download, `heros doctor hub proxy` what is in its way. For models of Ollama, heros writes into its folder; Ollama need not run.",
  ],
  [
    "Permission denied on a mounted folder",
    "`heros doctor disk.models models.folder` names the owner and the one safe command. Don't `chown -R` a folder that other programs use. See [cache.not_writable](#cachenot_writable).",
  ],
  [
    "Models can't be shared between machines",
    "`heros setup --storage nfs:HOST:/PATH` keeps them on an NFS server ([ways](ways.md)).",
  ],
];
