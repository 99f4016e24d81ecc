/**
 * What a client may do on a server, and what each request needs.
 *
 * @module
 */

import type { Message } from "./messages.ts";

/** All rights there are: to get files, to send new ones, to see what there is, and to replace what is there. */
export const RIGHTS = ["read", "write", "list", "overwrite"] as const;

/** One of {@link RIGHTS}. */
export type Right = (typeof RIGHTS)[number];

/** Who may do everything. */
export const ALL_RIGHTS: ReadonlySet<Right> = new Set(RIGHTS);

/** "You may not ..." */
const WHAT: Readonly<Record<Right, string>> = {
  read: "get files",
  write: "send files",
  list: "list files",
  overwrite: "replace files",
};

/** Why a request is refused to who has these rights and no others, for a person; undefined where it is not. */
export function refusalForRights(request: Message, rights: ReadonlySet<Right>): string | undefined {
  const missing = missingRight(request, rights);
  return missing && `you may not ${WHAT[missing]} there; if you should, ask the server's administrator`;
}

function missingRight(request: Message, rights: ReadonlySet<Right>): Right | undefined {
  switch (request.type) {
    case "put":
      if (!rights.has("write")) return "write";
      return request.overwrite && !rights.has("overwrite") ? "overwrite" : undefined;
    case "stat":
      // Who may see all names may ask for one, and who may get a file may ask how long it is.
      return rights.has("list") || rights.has("read") ? undefined : "list";
    case "list":
      return rights.has("list") ? undefined : "list";
    default:
      return rights.has("read") ? undefined : "read";
  }
}
