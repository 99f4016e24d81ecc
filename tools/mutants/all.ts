/**
 * All mutants, in the order in which they are tried.
 *
 * @module
 */

import { ACCESS_MUTANTS } from "./access.ts";
import { CONGESTION_MUTANTS } from "./congestion.ts";
import { ENCRYPTION_MUTANTS } from "./encryption.ts";
import { ENDPOINT_MUTANTS } from "./endpoint.ts";
import { LIMIT_MUTANTS } from "./limits.ts";
import type { Mutant } from "./mutant.ts";
import { RECOVERY_MUTANTS } from "./recovery.ts";
import { STORE_MUTANTS } from "./store.ts";
import { STREAM_MUTANTS } from "./stream.ts";
import { TRANSFER_MUTANTS } from "./transfer.ts";
import { WIRE_MUTANTS } from "./wire.ts";

/** See the module's description. */
export const MUTANTS: readonly Mutant[] = [
  ...WIRE_MUTANTS,
  ...RECOVERY_MUTANTS,
  ...STREAM_MUTANTS,
  ...CONGESTION_MUTANTS,
  ...ENDPOINT_MUTANTS,
  ...ENCRYPTION_MUTANTS,
  ...ACCESS_MUTANTS,
  ...TRANSFER_MUTANTS,
  ...STORE_MUTANTS,
  ...LIMIT_MUTANTS,
];
