import { describe } from "vitest";

import { followsGolden, followsTrace } from "./gymnasium-reference.ts";

describe("Ant", () => {
  followsTrace("ant-v4", { contactMargins: "summed" }, 50, 1e-8);
  followsTrace("ant-v5", {}, 50, 1e-8);
  followsGolden("ant.golden.json", 1e-9);
});
