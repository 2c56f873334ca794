/** The folder of the compiled package; scripts/build.mjs writes it for each module system. */
export const here: string;
