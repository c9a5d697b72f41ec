import { expect, it } from "vitest";
import { U, describeBuilds, normals, upload } from "./builds.ts";

const BATCHES = [1, 2, 3, 4, 5, 7, 8, 100, 257];

describeBuilds("soft actor-critic's parts", (kernels) => {
  it.each(BATCHES)("softTarget, batch %i", (batch) => {
    const [reward, q1, q2, logProb] = [1, 2, 3, 4].map((seed) => normals(seed, batch)) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const terminated = Float32Array.from({ length: batch }, (_, i) => (i % 3 === 1 ? 1 : 0));
    const pointers = [reward, terminated, q1, q2, logProb].map((values) => upload(kernels, values)) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const y = kernels.allocate(batch + 1);
    const [temperature, discount] = [Math.fround(0.2), Math.fround(0.99)];
    kernels.softTarget(batch, ...pointers, temperature, discount, y);
    for (let i = 0; i < batch; i++) {
      const value = Math.min(q1[i], q2[i]) - temperature * logProb[i];
      const expected = reward[i] + discount * (1 - terminated[i]) * value;
      expect(Math.abs(kernels.f32(y, batch)[i] - expected)).toBeLessThanOrEqual(
        5 * U * (Math.abs(reward[i]) + Math.abs(q1[i]) + Math.abs(q2[i]) + Math.abs(logProb[i])),
      );
    }
    expect(kernels.f32(y, batch + 1)[batch]).toBe(0);
  });

  it.each(BATCHES)("squaredErrorGradient, batch %i", (batch) => {
    const [q, y] = [normals(5, batch), normals(6, batch)];
    const [qs, ys, dQ] = [upload(kernels, q), upload(kernels, y), kernels.allocate(batch + 1)];
    const loss = kernels.squaredErrorGradient(batch, qs, ys, dQ);
    const expected = q.reduce((sum, value, i) => sum + (value - y[i]) ** 2, 0) / batch;
    expect(Math.abs(loss - expected)).toBeLessThanOrEqual(4 * U * expected);
    q.forEach((value, i) =>
      expect(Math.abs(kernels.f32(dQ, batch)[i] - (value - y[i]) / batch)).toBeLessThanOrEqual(
        (3 * U * Math.abs(value - y[i])) / batch,
      ),
    );
    expect(kernels.f32(dQ, batch + 1)[batch]).toBe(0);
  });

  it.each(BATCHES)("minimumGradient, batch %i, gives ties to the first", (batch) => {
    const [q1, q2] = [normals(7, batch), normals(8, batch)];
    q2[0] = q1[0];
    const [first, second, d1, d2] = [
      upload(kernels, q1),
      upload(kernels, q2),
      kernels.allocate(batch + 1),
      kernels.allocate(batch + 1),
    ];
    const mean = kernels.minimumGradient(batch, first, second, d1, d2);
    const expected = q1.reduce((sum, value, i) => sum + Math.min(value, q2[i]), 0) / batch;
    expect(Math.abs(mean - expected)).toBeLessThanOrEqual(1e-13);
    q1.forEach((value, i) => {
      expect(kernels.f32(d1, batch)[i]).toBe(value <= q2[i] ? Math.fround(-1 / batch) : 0);
      expect(kernels.f32(d2, batch)[i]).toBe(value <= q2[i] ? 0 : Math.fround(-1 / batch));
    });
    expect(kernels.f32(d1, batch + 1)[batch] + kernels.f32(d2, batch + 1)[batch]).toBe(0);
  });
});
