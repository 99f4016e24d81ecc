/**
 * Which file may import which: the arrows of `docs/ARCHITECTURE.md` as data, and the search for circles.
 *
 * @module
 */

/** From each file, by its path from the root, to the files of ours that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** A part of the house: the files that it has, and the parts that it may import beside itself. */
interface Part {
  readonly files: RegExp;
  readonly mayImport: readonly string[];
  /** Its files may not even import each other. */
  readonly isApart?: boolean;
}

const WIRE = ["wire", "leaf", "base"];
const ROOMS = ["streams", "recovery", "congestion", "crypto", ...WIRE];
const CONNECTION = ["connection", "handshake", ...ROOMS];
const PROTOCOL = ["protocol-mod", "endpoint", ...CONNECTION];
const APP = ["app-client", "app-server", "app"];
const LIBRARY = ["mod", "io", ...APP, "store", "transfer", ...PROTOCOL];
const EVERYTHING = ["program", "cli-system", "cli", "sim", "netem", "perf", ...LIBRARY];

/** The first part that has a file counts. */
const PARTS: Readonly<Record<string, Part>> = {
  "base": { files: /^base\//, mayImport: [] },
  "protocol-mod": { files: /^protocol\/mod\.ts$/, mayImport: PROTOCOL },
  "leaf": {
    files: /^protocol\/(?:config|connection_state|drops|errors|limits|sent_packet)\.ts$/,
    mayImport: ["base"],
  },
  "endpoint": { files: /^protocol\/endpoint\//, mayImport: CONNECTION },
  "connection": { files: /^protocol\/connection\//, mayImport: ["handshake", ...ROOMS] },
  "handshake": { files: /^protocol\/handshake\//, mayImport: ["crypto", ...WIRE] },
  // What these four have in common is in the wire and the leaves; they do not know each other.
  "streams": { files: /^protocol\/streams\//, mayImport: WIRE },
  "recovery": { files: /^protocol\/recovery\//, mayImport: WIRE },
  "congestion": { files: /^protocol\/congestion\//, mayImport: WIRE },
  "crypto": { files: /^protocol\/crypto\//, mayImport: WIRE },
  "wire": { files: /^protocol\/wire\//, mayImport: ["leaf", "base"] },
  "transfer": { files: /^transfer\//, mayImport: ["protocol-mod", "base"] },
  "store": { files: /^store\//, mayImport: ["transfer", "base"] },
  // What client and server share; they do not know each other.
  "app": { files: /^app\/[^/]+\.ts$/, mayImport: ["store", "transfer", "protocol-mod", "base"] },
  "app-client": { files: /^app\/client\//, mayImport: ["app", "store", "transfer", "protocol-mod", "base"] },
  "app-server": { files: /^app\/server\//, mayImport: ["app", "store", "transfer", "protocol-mod", "base"] },
  "netem": { files: /^netem\//, mayImport: ["base"] },
  "io": { files: /^io\//, mayImport: ["netem", ...APP, "store", "transfer", "protocol-mod", "base"] },
  "mod": { files: /^mod\.ts$/, mayImport: ["io", ...APP, "transfer", "protocol-mod"] },
  "examples": { files: /^examples\//, mayImport: ["mod"], isApart: true },
  // The one file that gives the programs this machine; the rest of cli/ has no side effects of its own.
  "cli-system": { files: /^cli\/system\.ts$/, mayImport: ["mod", "cli", "io", "base"] },
  "cli": { files: /^cli\//, mayImport: [...APP, "transfer", "protocol-mod", "base"] },
  "program": { files: /^(?:server|client)\.ts$/, mayImport: ["cli-system", "cli"], isApart: true },
  "sim": { files: /^sim\//, mayImport: ["netem", ...APP, "store", "transfer", ...PROTOCOL] },
  "perf": { files: /^perf\//, mayImport: ["sim", "netem", ...LIBRARY] },
  // What tests and tools share is a library of its own. Nothing imports a tool or a test.
  "testing": { files: /^testing\//, mayImport: EVERYTHING },
  "tools": { files: /^tools\//, mayImport: ["testing", ...EVERYTHING] },
  "tests": { files: /^tests\//, mayImport: ["tools", "testing", ...EVERYTHING] },
};

/** Every import that the arrows do not allow, in words. */
export function forbiddenImports(graph: ImportGraph): string[] {
  const found: string[] = [];
  for (const [from, imports] of graph) {
    const part = partOf(from);
    if (part === undefined) {
      found.push(`${from}: no part of the house has this file`);
      continue;
    }
    const { mayImport, isApart = false } = PARTS[part]!;
    for (const to of imports) {
      const other = partOf(to) ?? "nowhere";
      const isAllowed = other === part ? !isApart : mayImport.includes(other);
      if (!isAllowed) found.push(`${from} (${part}) imports ${to} (${other})`);
    }
  }
  return found;
}

/** The part of the house that a file belongs to. */
export function partOf(file: string): string | undefined {
  return Object.keys(PARTS).find((name) => PARTS[name]!.files.test(file));
}

/** Every circle of imports, each as the files on it; type-only imports count as well. */
export function circles(graph: ImportGraph): string[][] {
  const found: string[][] = [];
  const path: string[] = [];
  const done = new Set<string>();
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) found.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}
