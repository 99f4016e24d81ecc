/**
 * The rights of clients on a server, and the right that each request needs.
 *
 * @module
 */

import type { RequestMessage } from "./messages.ts";

/** All rights: to get files, to send new ones, to list them, to replace existing ones, and to remove and rename entries. */
export const RIGHTS = ["read", "write", "list", "overwrite", "delete"] as const;

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
  delete: "remove or rename files",
};

/** Why a client with these rights is refused a request; undefined if it is not. */
export function refusalForRights(request: RequestMessage, rights: ReadonlySet<Right>): string | undefined {
  const missing = missingRight(request, rights);
  return missing && `no permission to ${WHAT[missing]}`;
}

function missingRight(request: RequestMessage, rights: ReadonlySet<Right>): Right | undefined {
  switch (request.type) {
    case "put":
    case "make":
      return firstMissing(request.overwrite === true ? ["write", "overwrite"] : ["write"], rights);
    case "get":
      return firstMissing(["read"], rights);
    case "list":
      return firstMissing(["list"], rights);
    case "stat":
      // The checksum of a file tells what is in it.
      if (request.digest === true) return firstMissing(["read"], rights);
      // A client that may list all files may ask for one, and one that may get a file may ask for its size.
      return rights.has("read") ? undefined : firstMissing(["list"], rights);
    case "space":
      return rights.has("read") ? undefined : firstMissing(["list"], rights);
    case "remove":
      return firstMissing(["delete"], rights);
    case "move":
      // The entry goes from one name, and comes to another.
      return firstMissing(request.overwrite === true ? ["delete", "write", "overwrite"] : ["delete", "write"], rights);
  }
}

function firstMissing(needed: readonly Right[], rights: ReadonlySet<Right>): Right | undefined {
  return needed.find((right) => !rights.has(right));
}
