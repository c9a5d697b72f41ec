import manifest from "../../package.json" with { type: "json" };

/** Tandem's own version. */
export const VERSION: string = manifest.version;
