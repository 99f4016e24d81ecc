/**
 * Background work that is done whenever a test says so.
 *
 * @module
 */

import { BackgroundWork } from "../transfer/background_work.ts";

/** Background work, and a function that does all of it that can be done now. */
export function promptWork(): { readonly work: BackgroundWork; readonly doWork: () => void } {
  let isDue = false;
  const work = new BackgroundWork(() => isDue = true);
  const doWork = (): void => {
    while (isDue) {
      isDue = false;
      work.step();
    }
  };
  return { work, doWork };
}
