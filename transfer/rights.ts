/**
 * The rights of clients on a server, and the right that each request needs.
 *
 * @module
 */

import type { Message } from "./messages.ts";

/** All rights: to get files, to send new ones, to list them, and to replace existing ones. */
export const RIGHTS = ["read", "write", "list", "overwrite"] as const;

/** One of {@link RIGHTS}. */
export type Right = (typeof RIGHTS)[number];

/** Every right. */
export const ALL_RIGHTS: ReadonlySet<Right> = new Set(RIGHTS);

/** "No permission to ..." */
const WHAT: Readonly<Record<Right, string>> = {
  read: "get files",
  write: "send files",
  list: "list files",
  overwrite: "replace files",
};

/** Why a client with these rights is refused a request; undefined if it is not. */
export function refusalForRights(request: Message, rights: ReadonlySet<Right>): string | undefined {
  const missing = missingRight(request, rights);
  return missing && `no permission to ${WHAT[missing]}`;
}

function missingRight(request: Message, rights: ReadonlySet<Right>): Right | undefined {
  switch (request.type) {
    case "put":
      if (!rights.has("write")) return "write";
      return request.overwrite && !rights.has("overwrite") ? "overwrite" : undefined;
    case "stat":
      // A client that may list all files may ask for one, and one that may get a file may ask for its size.
      return rights.has("list") || rights.has("read") ? undefined : "list";
    case "list":
      return rights.has("list") ? undefined : "list";
    default:
      return rights.has("read") ? undefined : "read";
  }
}
