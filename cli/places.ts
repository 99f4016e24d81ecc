/**
 * Places as scp has them: `host:folder/`, `host:7000:name`, `[2001:db8::7]:name`, `work:` with a server of the config file.
 *
 * A single letter is a drive of Windows, and no host; nor is a number, so that a file may be named `12:30.log`. A file of
 * this machine with a colon in its name is written `./a:b`, as for scp.
 *
 * @module
 */

import { quote } from "../base/display_text.ts";
import { type AddressError, adviceOn, parseServer } from "./address.ts";

/** A name on a server. */
export interface Place {
  /** The server as typed: `host`, `host:7000`, `[::1]`, or its name in the config file. */
  readonly server: string;
  /** What is behind it; empty for all that the client sees there. */
  readonly path: string;
}

/** Brackets, or what may be a host, with a port or without; a colon; the path. */
const PLACE = /^(?<server>(?:\[[^\]]*\]|[^\s:/\\[\]]{2,})(?::\d+(?=:))?):(?!\/\/)(?<path>.*)$/s;

/** What is typed at the front of a web address, and of a place with a user's name. */
const FOREIGN = /^(?:[a-z][a-z0-9+.-]+:\/\/|[^\s:/\\@]+@[^\s:/\\]+:)/i;

/** Reads a place; undefined if the text is something else, such as a path. */
export function parsePlace(text: string): Place | AddressError | undefined {
  if (FOREIGN.test(text)) return { error: adviceOn(text) ?? "this is not a place" };
  const { server, path } = PLACE.exec(text)?.groups ?? {};
  if (server === undefined || path === undefined || !/[a-z[.]/i.test(server)) return undefined;
  const address = parseServer(server);
  if ("error" in address) return server.startsWith("[") ? address : undefined;
  if (path.startsWith("/")) {
    return { error: `names on a server have no "/" in front: write ${quote(`${server}:${path.replace(/^\/+/, "")}`)}` };
  }
  return { server, path: path === "." || path === "./" ? "" : path };
}

/** Names on a server, and the server if they say which. */
export interface PlacedNames {
  readonly names: readonly string[];
  readonly server: string | undefined;
}

/** Reads names, of which all or none are places, and all on one server. An empty path becomes `everything`. */
export function readNames(names: readonly string[], everything: string): PlacedNames | AddressError {
  const places = names.map(parsePlace);
  const first = places[0];
  if (first === undefined) {
    const later = places.findIndex((place) => place !== undefined);
    if (later < 0) return { names, server: undefined };
    return { error: `${quote(names[later]!)} names a server, but ${quote(names[0]!)} does not` };
  }
  const paths: string[] = [];
  for (const [index, place] of places.entries()) {
    if (place === undefined) {
      return { error: `${quote(names[index]!)} names no server, but ${quote(names[0]!)} does` };
    }
    if ("error" in place) return { error: `${quote(names[index]!)}: ${place.error}` };
    if ("error" in first || place.server !== first.server) return { error: "one command talks to one server only" };
    paths.push(place.path === "" ? everything : place.path);
  }
  return { names: paths, server: "error" in first ? undefined : first.server };
}
