/**
 * The policy for symbolic links, for both sides: a link may lead to what is in the same tree, and nowhere else.
 *
 * It is judged by the text of the link alone, from the folder that the link is in: whether the target exists, or lies
 * behind other links, does not matter. Stores follow no link, so no link in a store leads out of it; the policy is for
 * other programs that use the tree, on either side.
 *
 * @module
 */

import { REPLACEMENT_CHARACTER } from "../base/display_text.ts";
import { MAX_PATH_BYTES } from "./file_name.ts";

const utf8 = new TextEncoder();

/**
 * Why a link at `path`, a path from the tree's folder on, may not have this target, as a clause ("absolute targets are
 * not accepted"), or undefined if it may. The reason contains nothing of either, so it is safe to print.
 */
export function checkLinkTarget(path: string, target: string): string | undefined {
  if (target === "") return "its target is empty";
  const tooLong = `its target is longer than ${MAX_PATH_BYTES} bytes`;
  if (target.length > MAX_PATH_BYTES) return tooLong;
  if (target.startsWith("/")) return "its target is absolute; only links within the folder that is sent are kept";
  if (target.includes("\0")) return "its target contains a NUL character";
  if (!target.isWellFormed() || target.includes(REPLACEMENT_CHARACTER)) return "its target is not valid UTF-8";
  if (utf8.encode(target).length > MAX_PATH_BYTES) return tooLong;
  let depth = path.split("/").length - 1;
  for (const component of target.split("/")) {
    if (component === "..") depth--;
    else if (component !== "" && component !== ".") depth++;
    if (depth < 0) return "its target lies outside the folder that is sent or stored";
  }
  return undefined;
}
