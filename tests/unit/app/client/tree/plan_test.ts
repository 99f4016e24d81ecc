import assert from "node:assert/strict";
import fc from "fast-check";
import { type ExistingEntry, parentPath, type TreeEntry } from "../../../../../app/client/tree/entry.ts";
import {
  DEFAULT_TIME_WINDOW_US,
  makePlan,
  pathsToCompare,
  type Plan,
  type PlanOptions,
} from "../../../../../app/client/tree/plan.ts";

const NOW_US = 1_700_000_000_000_000;

const OPTIONS: PlanOptions = {
  ifDifferent: "leave",
  mirror: false,
  modes: false,
  timeWindowUs: DEFAULT_TIME_WINDOW_US,
  spared: [],
};

function file(path: string, changes: Partial<TreeEntry> = {}): TreeEntry {
  return { path, kind: "file", sizeBytes: 10, modifiedUs: NOW_US, ...changes };
}

function folder(path: string, modifiedUs = NOW_US): TreeEntry {
  return { path, kind: "folder", sizeBytes: 0, modifiedUs };
}

function link(path: string, target: string): TreeEntry {
  return { path, kind: "link", sizeBytes: 0, modifiedUs: NOW_US, target };
}

interface Case {
  readonly existing?: readonly ExistingEntry[];
  readonly untouchable?: readonly string[];
  readonly options?: Partial<PlanOptions>;
}

function plan(source: readonly TreeEntry[], { existing = [], untouchable = [], options = {} }: Case = {}): Plan {
  return makePlan({ source, existing, untouchable }, { ...OPTIONS, ...options });
}

/** The paths of each part of a plan that has some. */
function paths(plan: Plan): Record<string, string[]> {
  const parts = {
    inTheWay: plan.inTheWay.map(({ path }) => path),
    folders: plan.folders.map(({ path }) => path),
    files: plan.files.map(({ entry, replaces }) => entry.path + (replaces ? " (replaces)" : "")),
    links: plan.links.map(({ entry, replaces }) => entry.path + (replaces ? " (replaces)" : "")),
    removals: plan.removals.map(({ path }) => path),
    touched: plan.touched.map(({ path }) => path),
    unchanged: plan.unchanged.map(({ path }) => path),
    differing: plan.differing.map(({ entry, reason }) => `${entry.path} ${reason}`),
  };
  return Object.fromEntries(Object.entries(parts).filter(([, paths]) => paths.length > 0));
}

Deno.test("makePlan transfers everything to where nothing is", () => {
  const source = [folder(""), folder("d"), file("d/a"), link("d/l", "a"), folder("empty"), file("b")];
  assert.deepEqual(paths(plan(source)), {
    folders: ["", "d", "empty"],
    files: ["d/a", "b"],
    links: ["d/l"],
  });
});

Deno.test("makePlan leaves what has the same size and time, to a millisecond", () => {
  const source = [file("same"), file("near", { modifiedUs: NOW_US + 999 }), file("old", { modifiedUs: -500_000 })];
  const existing = [file("same"), file("near"), file("old", { modifiedUs: -1_000_000 })];
  assert.deepEqual(paths(plan(source, { existing })), { unchanged: ["same", "near", "old"] });
});

Deno.test("makePlan takes times for the same within a larger window", () => {
  const options = { timeWindowUs: 2_000_000 };
  const existing = [file("a", { modifiedUs: NOW_US + 1_999_999 })];
  assert.deepEqual(paths(plan([file("a")], { existing, options })), { unchanged: ["a"] });
});

Deno.test("makePlan leaves alone what differs, and says how", () => {
  const existing = [
    file("larger", { sizeBytes: 11 }),
    file("newer", { modifiedUs: NOW_US + 1_000 }),
    file("older", { modifiedUs: NOW_US - 1_000, sizeBytes: 9 }),
    file("timeless", { modifiedUs: undefined }),
    link("link", "b"),
  ];
  const source = [file("larger"), file("newer"), file("older"), file("timeless"), link("link", "a")];
  assert.deepEqual(paths(plan(source, { existing })), {
    differing: [
      "larger has 11 bytes at the destination, not 10",
      "newer is newer at the destination",
      "older has 9 bytes at the destination, not 10, and is older there",
      "timeless differs at the destination",
      "link is a link to something else at the destination",
    ],
  });
});

Deno.test("makePlan updates what is older at the destination, and nothing else", () => {
  const existing = [
    file("newer", { modifiedUs: NOW_US + 1_000 }),
    file("older", { modifiedUs: NOW_US - 1_000 }),
    file("timeless", { modifiedUs: undefined }),
  ];
  const source = [file("newer"), file("older"), file("timeless")];
  const { files, differing } = paths(plan(source, { existing, options: { ifDifferent: "update" } }));
  assert.deepEqual(files, ["older (replaces)"]);
  assert.equal(differing?.length, 2);
});

Deno.test("makePlan replaces what differs where it was asked to", () => {
  const existing = [file("a", { sizeBytes: 11 }), link("l", "b"), file("same")];
  const source = [file("a"), link("l", "a"), file("same")];
  assert.deepEqual(paths(plan(source, { existing, options: { ifDifferent: "replace" } })), {
    files: ["a (replaces)"],
    links: ["l (replaces)"],
    unchanged: ["same"],
  });
});

Deno.test("makePlan goes by the content where that was compared", () => {
  const existing = [file("same", { modifiedUs: 0 }), file("other"), file("short", { sizeBytes: 9 })];
  const source = [file("same"), file("other"), file("short")];
  assert.deepEqual(pathsToCompare(source, existing), ["same", "other"]);
  const options = { hasSameContent: (path: string) => path === "same", ifDifferent: "replace" as const };
  assert.deepEqual(paths(plan(source, { existing, options })), {
    files: ["other (replaces)", "short (replaces)"],
    unchanged: ["same"],
  });
});

Deno.test("makePlan leaves alone what is of another kind, with all below", () => {
  const existing = [folder(""), file("d"), folder("f"), file("f/x"), { ...file("o"), kind: "other" as const }];
  const source = [folder(""), folder("d"), file("d/a"), folder("d/e"), file("d/e/b"), file("f"), file("o")];
  for (const ifDifferent of ["leave", "update", "replace"] as const) {
    assert.deepEqual(paths(plan(source, { existing, options: { ifDifferent } })), {
      differing: [
        "d is a folder here, but a file at the destination",
        "f is a file here, but a folder at the destination",
        "o is a file here, but a device, FIFO or socket at the destination",
      ],
    });
  }
});

Deno.test("makePlan removes what is in the way where it mirrors and replaces", () => {
  const existing = [folder(""), file("d"), folder("f"), folder("f/g"), file("f/g/x"), {
    ...file("o"),
    kind: "other" as const,
  }];
  const source = [folder(""), folder("d"), file("d/a"), file("f"), file("o")];
  assert.deepEqual(paths(plan(source, { existing, options: { ifDifferent: "replace", mirror: true } })), {
    inTheWay: ["f/g/x", "f/g", "f", "d"],
    folders: ["d"],
    files: ["d/a", "f"],
    touched: [""],
    differing: ["o is a file here, but a device, FIFO or socket at the destination"],
  });
});

Deno.test("makePlan does not remove what is in the way if something in it is untouchable", () => {
  const existing = [folder(""), folder("f"), file("f/x")];
  const source = [folder(""), file("f")];
  const options = { ifDifferent: "replace" as const, mirror: true };
  assert.deepEqual(paths(plan(source, { existing, options, untouchable: ["f/excluded"] })), {
    differing: ["f is a file here, but a folder at the destination"],
  });
});

Deno.test("makePlan removes what the source does not have only where it mirrors, what is deepest first", () => {
  const existing = [folder(""), folder("d"), file("d/a"), folder("d/e"), file("d/e/x"), file("gone"), file("kept")];
  const source = [folder(""), file("kept")];
  assert.deepEqual(paths(plan(source, { existing })), { unchanged: ["kept"] });
  const { removals, touched } = paths(plan(source, { existing, options: { mirror: true } }));
  assert.deepEqual(removals, ["d/e/x", "d/a", "d/e", "d", "gone"]);
  assert.deepEqual(touched, [""]);
});

Deno.test("makePlan removes neither what is untouchable nor the folders above it", () => {
  const existing = [folder(""), folder("d"), file("d/a"), folder("e"), file("e/x")];
  const mirrored = plan([folder("")], { existing, options: { mirror: true }, untouchable: ["d/build", "d/build/x"] });
  assert.deepEqual(paths(mirrored).removals, ["d/a", "e/x", "e"]);
});

Deno.test("makePlan spares what the source has, although it does not travel", () => {
  const existing = [folder(""), folder("d"), file("d/a"), folder("d/e"), file("d/e/x"), file("fifo"), file("gone")];
  const mirrored = plan([folder(""), folder("d")], { existing, options: { mirror: true, spared: ["d", "fifo"] } });
  assert.deepEqual(paths(mirrored).removals, ["gone"]);
});

Deno.test("makePlan touches folders that get something, or have another time", () => {
  const existing = [folder(""), folder("d"), folder("e", NOW_US - 5_000), folder("f"), file("f/a", { sizeBytes: 1 })];
  const source = [folder(""), folder("d"), file("d/new"), folder("e"), folder("f"), file("f/a")];
  assert.deepEqual(paths(plan(source, { existing })).touched, ["d", "e"]);
});

// --- properties ---

const names = fc.constantFrom("a", "b", "c", "d");
const kinds = fc.constantFrom("file" as const, "folder" as const, "folder" as const, "link" as const);

/** A tree of which each path has the folders above it. */
const tree: fc.Arbitrary<TreeEntry[]> = fc.array(
  fc.record({
    names: fc.array(names, { minLength: 1, maxLength: 3 }),
    kind: kinds,
    sizeBytes: fc.integer({ min: 0, max: 2 }),
    modifiedUs: fc.integer({ min: 0, max: 2 }).map((second) => NOW_US + second * 1_000_000),
    target: fc.constantFrom("x", "y"),
  }),
  { maxLength: 12 },
).map((all) => {
  const entries = new Map<string, TreeEntry>([["", folder("")]]);
  for (const { names, kind, sizeBytes, modifiedUs, target } of all) {
    const path = names.join("/");
    const above = names.slice(0, -1).map((_, i) => names.slice(0, i + 1).join("/"));
    if (entries.has(path) || above.some((folder) => (entries.get(folder)?.kind ?? "folder") !== "folder")) continue;
    for (const path of above) if (!entries.has(path)) entries.set(path, folder(path));
    const own = kind === "file" ? { sizeBytes } : kind === "link" ? { target } : {};
    entries.set(path, { path, kind, sizeBytes: 0, modifiedUs, ...own });
  }
  return [...entries.values()].toSorted((a, b) => a.path < b.path ? -1 : 1);
});

/** Does what a plan says, as strictly as a disk: nothing is put into a missing folder, no folder with something removed. */
function execute(plan: Plan, existing: readonly ExistingEntry[]): Map<string, ExistingEntry> {
  const entries = new Map(existing.map((entry) => [entry.path, entry]));
  const remove = ({ path }: ExistingEntry) => {
    assert.ok(![...entries.keys()].some((other) => other !== "" && parentPath(other) === path), `${path} is not empty`);
    assert.ok(entries.delete(path), `${path} is removed twice`);
  };
  const put = (entry: TreeEntry, replaces: boolean) => {
    assert.equal(entries.get(entry.path)?.kind, replaces ? entry.kind : undefined, entry.path);
    assert.ok(
      entry.path === "" || entries.get(parentPath(entry.path))?.kind === "folder",
      `no folder for ${entry.path}`,
    );
    entries.set(entry.path, entry);
  };
  plan.inTheWay.forEach(remove);
  for (const entry of plan.folders) put(entry, false);
  for (const { entry, replaces } of [...plan.files, ...plan.links]) put(entry, replaces);
  plan.removals.forEach(remove);
  for (const entry of plan.touched) put(entry, true);
  return entries;
}

Deno.test("makePlan mirrors any tree onto any other, and then finds nothing to do", () => {
  const options = { ifDifferent: "replace" as const, mirror: true };
  fc.assert(fc.property(tree, tree, (source, existing) => {
    const result = execute(plan(source, { existing, options }), existing);
    const sorted = [...result.values()].toSorted((a, b) => a.path < b.path ? -1 : 1);
    assert.deepEqual(
      sorted.map(({ path, kind, target }) => [path, kind, target]),
      source.map(({ path, kind, target }) => [path, kind, target]),
    );
    assert.deepEqual(sorted.filter(({ kind }) => kind !== "link"), source.filter(({ kind }) => kind !== "link"));
    const { unchanged: _unchanged, ...again } = paths(plan(source, { existing: sorted, options }));
    assert.deepEqual(again, {});
  }));
});

Deno.test("makePlan accounts for each file and link once, and replaces and removes only what it may", () => {
  const some = fc.record({
    ifDifferent: fc.constantFrom("leave" as const, "update" as const, "replace" as const),
    mirror: fc.boolean(),
    spared: fc.array(fc.array(names, { minLength: 1, maxLength: 2 }).map((names) => names.join("/")), { maxLength: 2 }),
  });
  fc.assert(fc.property(tree, tree, some, (source, existing, options) => {
    const made = plan(source, { existing, options, untouchable: ["a/b/z", "c"] });
    const result = execute(made, existing);
    const told = [
      ...made.folders,
      ...[...made.files, ...made.links].map(({ entry }) => entry),
      ...made.unchanged,
      ...made.differing.map(({ entry }) => entry),
    ].map(({ path }) => path);
    assert.equal(new Set(told).size, told.length);
    const conflicts = made.differing.map(({ entry }) => entry.path);
    for (const { path, kind } of source) {
      const isBelowConflict = conflicts.some((other) => path.startsWith(`${other}/`));
      if (kind !== "folder") assert.equal(told.includes(path), !isBelowConflict, path);
    }
    const sourcePaths = new Set(source.map(({ path }) => path));
    for (const entry of existing) {
      const { path } = entry;
      const now = result.get(path);
      const isSpared = options.spared.some((other) => path === other || path.startsWith(`${other}/`));
      if (!options.mirror) assert.ok(now !== undefined, `${path} is gone`);
      if (isSpared && !sourcePaths.has(path) && !made.inTheWay.includes(entry)) assert.equal(now, entry);
      if (["a", "a/b", "c"].includes(path)) assert.equal(now?.kind, entry.kind, path);
      if (options.ifDifferent === "leave" && entry.kind !== "folder") assert.ok(now === entry || options.mirror, path);
    }
  }));
});

Deno.test("makePlan sets the mode of a folder that has another one, if modes are to be the same", () => {
  const source = ["", "same", "other", "unknown"].map((path) => ({ ...folder(path), mode: 0o755 }));
  const existing = [
    folder(""),
    { ...folder("same"), mode: 0o755 },
    { ...folder("other"), mode: 0o700 },
    folder("unknown"),
  ];
  assert.equal(paths(plan(source, { existing })).touched, undefined);
  assert.deepEqual(paths(plan(source, { existing, options: { modes: true } })).touched, ["other"]);
});
