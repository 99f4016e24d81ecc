/**
 * The permissions of the two programs, as `deno.json` has them in `permissions` for its tasks (`deno run -P=NAME`), as flags
 * for what takes no such name.
 *
 * @module
 */

import path from "node:path";

/** Which program's permissions. */
export type PermissionSet = "client" | "server";

const CONFIG = path.join(import.meta.dirname!, "..", "..", "deno.json");

/**
 * The flags, such as `--allow-net` and `--allow-read=/`. On Windows "/" is one drive only, so that the whole disk is named
 * by no path; and no library is loaded there.
 */
export function permissionFlags(
  name: PermissionSet,
  { isWindows = false }: { readonly isWindows?: boolean } = {},
): string[] {
  const { permissions } = JSON.parse(Deno.readTextFileSync(CONFIG)) as {
    readonly permissions: Readonly<Record<PermissionSet, Readonly<Record<string, true | readonly string[]>>>>;
  };
  return Object.entries(permissions[name]).filter(([kind]) => !isWindows || kind !== "ffi").map(([kind, granted]) => {
    const isWhole = granted === true || isWindows && granted.includes("/");
    return isWhole ? `--allow-${kind}` : `--allow-${kind}=${granted.join(",")}`;
  });
}
