/**
 * Sends a file once more after its connection was lost. The server may have stored it, so that only its answer did not
 * arrive, and would refuse it as existing.
 *
 * A file on the server that has the size and the time of the one to be sent is taken for that of the earlier attempt,
 * and is replaced, so that this attempt ends verified like any other.
 *
 * @module
 */

import { basename } from "node:path";
import { openLocalFile } from "../../store/local_file.ts";
import { quote } from "../../base/display_text.ts";
import { type FileInfo, StoreError } from "../../transfer/file_store.ts";
import { RefusalReason } from "../../transfer/messages.ts";
import { SluiceError } from "../api.ts";
import type { Platform } from "../platform.ts";
import type { Client, SendOptions, TransferReport } from "./api.ts";

/** Disks and messages keep times to the millisecond, and some disks to two seconds. */
const TIME_PRECISION_US = 2_000_000;

/** As {@link Client.send}, for a file that may be stored already. Rejects with SluiceError. */
export async function sendAgain(
  path: string,
  options: SendOptions & { readonly client: Pick<Client, "send" | "stat">; readonly platform: Pick<Platform, "disk"> },
): Promise<TransferReport> {
  const { client, platform, ...sendOptions } = options;
  try {
    return await client.send(path, sendOptions);
  } catch (error) {
    if (refusalOf(error) !== RefusalReason.exists) throw error;
    const name = options.as ?? basename(path);
    if (!isSame(await localInfo(path, platform), await client.stat(name))) throw error;
    return await replace(name, () => client.send(path, { ...sendOptions, overwrite: true }));
  }
}

async function replace(name: string, send: () => Promise<TransferReport>): Promise<TransferReport> {
  try {
    return await send();
  } catch (error) {
    if (refusalOf(error) !== RefusalReason.denied) throw error;
    const message =
      `${quote(name)} was probably stored before the connection was lost: on the server is a file of its ` +
      "size and time. This could not be verified, as you may not replace it; get it, and compare the two";
    throw new SluiceError("failed", message);
  }
}

function refusalOf(error: unknown): RefusalReason | undefined {
  return error instanceof SluiceError ? error.refusal : undefined;
}

function isSame(one: FileInfo, other: FileInfo): boolean {
  if (one.sizeBytes !== other.sizeBytes || one.modifiedUs === undefined || other.modifiedUs === undefined) return false;
  return Math.abs(one.modifiedUs - other.modifiedUs) < TIME_PRECISION_US;
}

async function localInfo(path: string, { disk }: Pick<Platform, "disk">): Promise<FileInfo> {
  try {
    const file = await openLocalFile(path, { disk });
    file.close();
    return file.info;
  } catch (error) {
    if (error instanceof StoreError) throw new SluiceError("local-disk", error.message);
    throw error;
  }
}
