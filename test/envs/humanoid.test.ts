import { describe } from "vitest";

import { followsGolden, followsTrace } from "./gymnasium-reference.ts";

describe("Humanoid", () => {
  followsTrace("humanoid-v4", { contactMargins: "summed" }, 200, 1e-9);
  followsTrace("humanoid-v5", {}, 200, 1e-9);
  followsGolden("humanoid.golden.json", 1e-9);
});
