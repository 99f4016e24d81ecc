/**
 * A probe that Deno loads before a program (`--preload`), in its very process: once the program has given up what it does
 * not need, it says what the program may do still.
 *
 * @module
 */

import assert from "node:assert/strict";
import path from "node:path";

/** What the probe tries to get at. */
export interface Targets {
  /** A file beside what the program works with. */
  readonly outside: string;
  /** A file in what the program works with. */
  readonly inside: string;
}

/**
 * Waits in the background until the program has given up what it does not need, and then says what it still may: a line
 * for each thing, `probe WHAT: yes` or `no`.
 */
function probeSource({ outside, inside }: Targets): string {
  return `
const say = (line) => Deno.stderr.writeSync(new TextEncoder().encode(line + "\\n"));
const attempts = {
  "read inside": () => Deno.readFileSync(${JSON.stringify(inside)}),
  "write inside": () => Deno.utimeSync(${JSON.stringify(inside)}, 1, 1),
  "read outside": () => Deno.readFileSync(${JSON.stringify(outside)}),
  "stat outside": () => Deno.lstatSync(${JSON.stringify(outside)}),
  "list outside": () => [...Deno.readDirSync("/etc")],
  "write outside": () => Deno.writeTextFileSync(${JSON.stringify(outside)}, "mine"),
  "make outside": () => Deno.mkdirSync(${JSON.stringify(outside)} + ".d"),
  "link outside": () => Deno.linkSync(${JSON.stringify(outside)}, ${JSON.stringify(inside)} + ".link"),
  "symlink outside": () => Deno.symlinkSync(${JSON.stringify(outside)}, ${JSON.stringify(inside)} + ".symlink"),
  "rename outside": () => Deno.renameSync(${JSON.stringify(outside)}, ${JSON.stringify(inside)} + ".away"),
  "climb outside": () => Deno.readFileSync(${JSON.stringify(path.dirname(inside))} + "/../" + ${
    JSON.stringify(path.basename(outside))
  }),
  "run": () => new Deno.Command("true").outputSync(),
  "load a library": () => Deno.dlopen("libc.so.6", {}),
  "make a pointer": () => Deno.UnsafePointer.create(1n),
  "read memory": () => Deno.UnsafePointer.of(new Uint8Array(8)),
  "use the network": () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
  "look up a host": () => Deno.resolveDns("localhost", "A", { signal: AbortSignal.timeout(1) }),
  "read the environment": () => Deno.env.get("CLICOLOR_FORCE"),
  "read all of the environment": () => Deno.env.toObject(),
  "import": () => import("https://127.0.0.1:9/x.ts"),
  "know the host": () => Deno.hostname(),
};
// A compiled program has no loader for what lies elsewhere.
const mayRun = (error) => error.name !== "NotCapable" && !/Requires \\w+ access|Module not found/.test(error.message);
const timer = setInterval(async () => {
  if (Deno.permissions.querySync({ name: "env", variable: "CLICOLOR_FORCE" }).state === "granted") return;
  clearInterval(timer);
  for (const [what, attempt] of Object.entries(attempts)) {
    let may = true;
    try { await attempt(); } catch (error) { may = mayRun(error); }
    say("probe " + what + ": " + (may ? "yes" : "no"));
  }
  say("probe done");
}, 1);
// Otherwise the program would not begin before it has ended.
Deno.unrefTimer(timer);
`;
}

const OUTSIDE = ["read", "stat", "list", "write", "make", "link", "symlink", "rename", "climb"].map((verb) =>
  `${verb} outside`
);

/** What a program may do in addition that could not be confined to its folder. */
export const OUTSIDE_TOO: Readonly<Record<string, "yes">> = Object.fromEntries(OUTSIDE.map((what) => [what, "yes"]));

const NEVER = [
  ...OUTSIDE,
  "run",
  "load a library",
  "make a pointer",
  "read memory",
  "read the environment",
  "read all of the environment",
  "import",
  "know the host",
];

/** What a program may do that looks up a host, or has a socket of Deno's; without either there is no network. */
export const NETWORK: Readonly<Record<string, "yes">> = { "use the network": "yes", "look up a host": "yes" };

/** Writes the probe, beside `outside`; returns its path. */
export async function writeProbe(targets: Targets): Promise<string> {
  const probe = path.join(path.dirname(targets.outside), "probe.js");
  await Deno.writeTextFile(probe, probeSource(targets));
  return probe;
}

/** Checks what a program may do by what its probe said: what lies inside as expected, and nothing else. */
export function assertMay(stderr: string, expected: Readonly<Record<string, "yes" | "no">>): void {
  const found = Object.fromEntries([...stderr.matchAll(/^probe (.*): (yes|no)$/gm)].map((match) => match.slice(1)));
  const network = Deno.build.os === "linux" ? { "use the network": "no", "look up a host": "no" } : NETWORK;
  const all = { ...Object.fromEntries(NEVER.map((what) => [what, "no"])), ...network, ...expected };
  assert.deepEqual(found, all);
}

/** Makes a folder with a file that no program may reach; returns the path of the file. */
export async function makeOutside(): Promise<string> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice-e2e-" }));
  const outside = path.join(folder, "outside");
  await Deno.writeTextFile(outside, "precious");
  return outside;
}
