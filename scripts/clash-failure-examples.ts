/** As those of `scripts/failure-examples.ts`, of what another stack has. */
export const clashFailureExamples = {
  "stack.unknown": [{ name: "herself", known: ["/home/ann/her-os", "/srv/her-os-2"] }],
  "stack.ambiguous": [{ known: ["/home/ann/her-os", "/srv/her-os-2"] }],
  "stack.project_taken": [{ name: "her-os", folder: "/srv/her-os", stackDir: "/home/ann/her-os" }],
  "stack.clashes": [
    {
      clashes: [
        {
          kind: "name",
          what: "container name her-os-core",
          problem: "is used by the stopped container her-os-core of the stack old in /srv/old",
          fix: "remove container_name: her-os-core from her-os-core in /home/ann/her-os/docker-compose.yml",
        },
        {
          kind: "port",
          what: "port 8000",
          problem: "is in use by python3 (PID 4711)",
          fix: "stop it (kill 4711), or use another port (heros setup --port 8001)",
        },
      ],
    },
  ],
} as const;
