import { expect, test } from "vitest";
import { inStartOrder, parseStackConfig } from "../../src/docker/compose.ts";

test("services come after those that they wait for", () => {
  const started = { condition: "service_started" };
  const config = parseStackConfig(
    JSON.stringify({
      services: {
        annie: { depends_on: { web: started, database: started } },
        voice: {},
        web: { depends_on: { database: started } },
        database: {},
      },
    }),
  );
  const names = config === null ? [] : inStartOrder(config).map(([name]) => name);
  expect(names).toEqual(["voice", "database", "web", "annie"]);
});
