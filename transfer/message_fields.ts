/**
 * What the encoder and the decoder of messages share.
 *
 * @module
 */

import { MAX_TIME_US } from "./file_store.ts";
import { AttributeFlag } from "./messages.ts";

const { overwrite, unsized, resumable, folder, link } = AttributeFlag;

/** The flags of the attributes that PUT may have. */
export const PutFlag = { overwrite, unsized, resumable };

/** The flags of the attributes that MAKE may have. */
export const MakeFlag = { overwrite };

/** The flags of the attributes that tell the kind of an entry. */
export const KindFlag = { folder, link };

/** 2^32: times are two words of 32 bits. */
export const TWO_32 = 0x1_0000_0000;

/** Above the permission bits; higher bits of a mode are not sent, and ignored. */
export const MODE_END = 0o1000;

/** The nearest time that a Date can hold, microseconds. */
export function limitTime(timeUs: number): number {
  return Math.max(-MAX_TIME_US, Math.min(timeUs, MAX_TIME_US));
}
