/**
 * Every attack that is known, by name. A new one is an object more in one of the files of `attacks/`.
 *
 * @module
 */

import type { Attack } from "./fixture.ts";
import { ACKNOWLEDGEMENTS } from "./attacks/acknowledgements.ts";
import { EXHAUSTION } from "./attacks/exhaustion.ts";
import { HANDSHAKES } from "./attacks/handshakes.ts";
import { PATHS } from "./attacks/paths.ts";
import { REQUESTS } from "./attacks/requests.ts";
import { RESUMING } from "./attacks/resuming.ts";
import { STREAMS } from "./attacks/streams.ts";

/** All attacks. */
export const ATTACKS: readonly Attack[] = [
  ...ACKNOWLEDGEMENTS,
  ...STREAMS,
  ...REQUESTS,
  ...RESUMING,
  ...HANDSHAKES,
  ...PATHS,
  ...EXHAUSTION,
];
