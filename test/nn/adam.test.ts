import { expect, it } from "vitest";
import { adamStep, createAdam } from "../../src/nn/index.ts";
import { describeBuilds, download, normals, upload } from "../kernels/builds.ts";
import { adam, adamMemory } from "../reference/adam.ts";
import { float32Tolerance } from "../reference/autodiff.ts";
import { expectClose } from "../reference/closeness.ts";

const STEPS = 10;
const LENGTH = 23;
const RATE = 1e-2;

describeBuilds("Adam", (kernels) => {
  it.each([0, 0.3])("agrees with its paper over ten steps, weight decay %d", (decay) => {
    const start = normals(1, LENGTH);
    const gradients = Array.from({ length: STEPS }, (_, step) => normals(10 + step, LENGTH));
    const state = createAdam(kernels, LENGTH);
    const parameters = upload(kernels, start);
    for (const gradient of gradients)
      adamStep(kernels, state, parameters, upload(kernels, gradient), RATE, decay);
    const expected = (): number[] => {
      const memory = adamMemory(LENGTH);
      const end = gradients.reduce((p, g) => adam(memory, p, [...g], RATE, decay), [...start]);
      return [...end, ...memory.first, ...memory.second];
    };
    const actual = [
      ...download(kernels, parameters, LENGTH),
      ...download(kernels, state.moments, 2 * LENGTH),
    ];
    expectClose(actual, expected(), float32Tolerance(expected));
    expect(state.steps).toBe(STEPS);
  });

  it("moves by the learning rate at the first step, whatever the gradient's size", () => {
    const gradients = upload(kernels, [1e-3, -1, 1e6]);
    const parameters = kernels.allocate(3);
    adamStep(kernels, createAdam(kernels, 3), parameters, gradients, RATE, 0);
    // g / (|g| + 1e-8): 1e-5 short of 1 for the smallest gradient here.
    expectClose(download(kernels, parameters, 3), [-RATE, RATE, -RATE], 1.1e-5 * RATE);
  });

  it("leaves a parameter without gradient, and what lies beyond its block, as they are", () => {
    const parameters = upload(kernels, [1, 2, 3, 4, 5]);
    const gradients = upload(kernels, [0, 1, 0, 1, 1]);
    adamStep(kernels, createAdam(kernels, 3), parameters, gradients, RATE, 0);
    const [first, second, ...others] = download(kernels, parameters, 5);
    expect([first, ...others]).toEqual([1, 3, 4, 5]);
    expect(second).toBeLessThan(2);
  });

  it("shrinks parameters by learning rate times decay where there is no gradient", () => {
    const parameters = upload(kernels, [2]);
    adamStep(kernels, createAdam(kernels, 1), parameters, kernels.allocate(1), 0.5, 0.25);
    expect(download(kernels, parameters, 1)[0]).toBe(2 * (1 - 0.5 * 0.25));
  });
});
