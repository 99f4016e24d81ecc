/**
 * The policy for symbolic links, for both sides: a link may lead to what is in the same tree, and nowhere else.
 *
 * It is judged by the text of the link alone, from the folder that the link is in: whether the target exists does not
 * matter. ".." may stand at the beginning only, where it leaves real folders: after the name of another link it would lead
 * up from wherever that one leads, so that two links, each harmless by its text, would lead out together. Stores follow no
 * link, so no link in a store leads out of it; the policy is for other programs that use the tree, on either side.
 *
 * @module
 */

import { REPLACEMENT_CHARACTER } from "../base/display_text.ts";
import { checkLocalName, MAX_PATH_BYTES, type NameRules } from "./file_name.ts";

const utf8 = new TextEncoder();

/**
 * Why a link at `path`, a path from the tree's folder on, may not have this target, as a clause ("absolute targets are
 * not accepted"), or undefined if it may. The reason contains nothing of either, so it is safe to print. `nameRules` are
 * those of the disk that gets the link.
 */
export function checkLinkTarget(
  path: string,
  target: string,
  { nameRules = "posix" }: { readonly nameRules?: NameRules } = {},
): string | undefined {
  if (target === "") return "its target is empty";
  const tooLong = `its target is longer than ${MAX_PATH_BYTES} bytes`;
  if (target.length > MAX_PATH_BYTES) return tooLong;
  if (target.startsWith("/")) return "its target is absolute; only links within the folder that is sent are kept";
  if (target.includes("\0")) return "its target contains a NUL character";
  if (!target.isWellFormed() || target.includes(REPLACEMENT_CHARACTER)) return "its target is not valid UTF-8";
  if (utf8.encode(target).length > MAX_PATH_BYTES) return tooLong;
  const components = target.split("/").filter((component) => component !== "" && component !== ".");
  const firstName = components.findIndex((component) => component !== "..");
  const upCount = firstName < 0 ? components.length : firstName;
  if (upCount > path.split("/").length - 1) return "its target lies outside the folder that is sent or stored";
  if (components.lastIndexOf("..") >= upCount) {
    return 'its target has ".." after a name, which may be that of another link';
  }
  // Windows takes more than "/" for a separator, and more than a name for the way to another folder.
  const isLocal = components.slice(upCount).every((name) => checkLocalName(name, nameRules) === undefined);
  return isLocal ? undefined : "its target cannot be a name on Windows";
}
