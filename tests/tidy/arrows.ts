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

const LEAVES = ["leaf"];
const WIRE = ["wire", ...LEAVES];
const FOLDERS = ["stream", "recovery", "congestion", "protection", ...WIRE];
const CONNECTION_PARTS = ["connection-part", "handshake", ...FOLDERS];
const PROTOCOL = ["protocol-mod", "endpoint", "connection", ...CONNECTION_PARTS];
const EVERYTHING = ["program", "cli", "io", "sim", "app", "store", "transfer", ...PROTOCOL];

/** The first part that has a file counts. */
const PARTS: Readonly<Record<string, Part>> = {
  "protocol-mod": { files: /^protocol\/mod\.ts$/, mayImport: PROTOCOL },
  "endpoint": { files: /^protocol\/endpoint\.ts$/, mayImport: ["connection", ...CONNECTION_PARTS] },
  "connection": { files: /^protocol\/connection\.ts$/, mayImport: CONNECTION_PARTS },
  "leaf": {
    files: /^protocol\/(?:config|connection_state|drops|errors|invariant|limits|random|range_set|sent_packet)\.ts$/,
    mayImport: [],
  },
  "connection-part": { files: /^protocol\/[^/]+\.ts$/, mayImport: ["handshake", ...FOLDERS] },
  "handshake": { files: /^protocol\/handshake\//, mayImport: ["protection", ...WIRE] },
  // What the four folders have in common is in the wire and the leaves; they do not know each other.
  "stream": { files: /^protocol\/stream\//, mayImport: WIRE },
  "recovery": { files: /^protocol\/recovery\//, mayImport: WIRE },
  "congestion": { files: /^protocol\/congestion\//, mayImport: WIRE },
  "protection": { files: /^protocol\/protection\//, mayImport: WIRE },
  "wire": { files: /^protocol\/wire\//, mayImport: LEAVES },
  "transfer": { files: /^transfer\//, mayImport: ["protocol-mod"] },
  "store": { files: /^store\//, mayImport: ["transfer"] },
  "app": { files: /^app\//, mayImport: ["store", "transfer", "protocol-mod"] },
  "sim": { files: /^sim\//, mayImport: ["app", "store", "transfer", ...PROTOCOL] },
  "cli": { files: /^io\/cli\//, mayImport: ["io", "app", "transfer", "protocol-mod"] },
  "io": { files: /^io\//, mayImport: ["app", "store", "transfer", "protocol-mod"] },
  "program": { files: /^(?:server|client)\.ts$/, mayImport: ["cli", "io"], isApart: true },
  // Tools, tests and measurements see everything, and nothing else sees them.
  "scripts": { files: /^scripts\//, mayImport: ["tests", ...EVERYTHING] },
  "perf": { files: /^perf\//, mayImport: EVERYTHING },
  "tests": { files: /^tests\//, mayImport: ["scripts", "perf", ...EVERYTHING] },
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
