/**
 * The rules of CONTRIBUTING.md that the syntax of a file shows, as a plugin of `deno lint`. Deno's own rules, and this
 * plugin, are switched on in `deno.json`.
 *
 * An exception stands where it is needed, with its reason, and `deno lint` reports it once it is needed no longer:
 * `// deno-lint-ignore sluice/function-length -- a list of checks, each of them short`.
 *
 * @module
 */

import path from "node:path";

/** Lines of code in a file: empty lines and comments do not count. */
const MAX_FILE_LINES = 400;
const MAX_TEST_FILE_LINES = 600;
/** Lines of a function, all of them. */
const MAX_FUNCTION_LINES = 70;

/** No clock, no randomness, no I/O, no waiting: time, random bytes and data are arguments. */
const PURE_FOLDERS = ["base", "netem", "protocol", "transfer"];
/** The same, but for promises: these wait, for nothing but what they are given. */
const WAITING_FOLDERS = ["app", "sim", "store"];

/** Globals that read the clock, draw random numbers, wait or do I/O. */
const IMPURE_GLOBALS = new Set([
  "Date",
  "Deno",
  "Temporal",
  "WebSocket",
  "Worker",
  "console",
  "crypto",
  "fetch",
  "globalThis",
  "navigator",
  "performance",
  "process",
  "queueMicrotask",
  "setImmediate",
  "setInterval",
  "setTimeout",
]);

/** Functions whose result depends on their arguments alone, by their module. */
const PURE_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  "node:buffer": ["Buffer"],
  "node:crypto": [
    "KeyObject",
    "createHash",
    "createHmac",
    "createPrivateKey",
    "createPublicKey",
    "diffieHellman",
    "hkdfSync",
    "timingSafeEqual",
  ],
  "node:path": ["basename", "dirname", "join", "sep"],
  "node:zlib": ["constants", "crc32", "zstdCompressSync", "zstdDecompressSync"],
};

type Context = Deno.lint.RuleContext;
type Visitor = Deno.lint.LintVisitor;
type FunctionNode = Deno.lint.FunctionDeclaration | Deno.lint.FunctionExpression | Deno.lint.ArrowFunctionExpression;

/** The file's path from the root, with forward slashes. */
function fileOf({ filename }: Context): string {
  const root = path.join(import.meta.dirname!, "..");
  return path.relative(root, path.resolve(root, filename)).replaceAll(path.sep, "/");
}

function isIn(folders: readonly string[], file: string): boolean {
  return folders.includes(file.split("/")[0]!);
}

/** A name that refers to something in scope, rather than to a member of an object. */
function isReference(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  return !(parent.type === "MemberExpression" && parent.property === node && !parent.computed) &&
    !("key" in parent && parent.key === node && !("computed" in parent && parent.computed));
}

/** Pure folders use no clock, no randomness and no I/O; most of them wait for nothing. */
function pure(context: Context): Visitor {
  const file = fileOf(context);
  const mayWait = isIn(WAITING_FOLDERS, file);
  if (!mayWait && !isIn(PURE_FOLDERS, file)) return {};
  const report = (node: Deno.lint.Node, what: string): void =>
    context.report({ node, message: `${what} in a pure folder`, hint: "Take it as an argument." });
  const checkImport = (node: Deno.lint.Node, specifier: string, names: readonly string[] | undefined): void => {
    if (specifier.startsWith(".")) return;
    const allowed = PURE_IMPORTS[specifier] ?? [];
    if (names === undefined) report(node, `all of ${specifier}`);
    for (const name of names ?? []) if (!allowed.includes(name)) report(node, `${name} of ${specifier}`);
  };
  const checkFunction = (node: FunctionNode): void => {
    if (node.async && !mayWait) report(node, "an async function");
  };
  return {
    Identifier(node) {
      if (!isReference(node)) return;
      // A name that many give to something of their own; the global has members.
      if (node.name === "process" && node.parent.type !== "MemberExpression") return;
      if (IMPURE_GLOBALS.has(node.name) || (node.name === "Promise" && !mayWait)) report(node, node.name);
    },
    MemberExpression({ object, property }) {
      const isMath = object.type === "Identifier" && object.name === "Math";
      if (isMath && property.type === "Identifier" && property.name === "random") report(property, "Math.random");
    },
    ImportDeclaration(node) {
      const names = node.specifiers.map((specifier) =>
        specifier.type === "ImportSpecifier" && specifier.imported.type === "Identifier"
          ? specifier.imported.name
          : undefined
      );
      const isNamed = names.length > 0 && names.every((name) => name !== undefined);
      checkImport(node, node.source.value, isNamed ? names : undefined);
    },
    ExportAllDeclaration: (node) => checkImport(node, node.source.value, undefined),
    ExportNamedDeclaration(node) {
      if (node.source !== null) checkImport(node, node.source.value, undefined);
    },
    ImportExpression: (node) => report(node, "import()"),
    AwaitExpression(node) {
      if (!mayWait) report(node, "await");
    },
    FunctionDeclaration: checkFunction,
    FunctionExpression: checkFunction,
    ArrowFunctionExpression: checkFunction,
  };
}

/** Functions are short: a function does one thing. */
function functionLength(context: Context): Visitor {
  const check = (node: FunctionNode): void => {
    // The name and modifiers of a method are not part of its function.
    const start = node.parent.type === "MethodDefinition" ? node.parent : node;
    const lines = context.sourceCode.text.slice(start.range[0], node.range[1]).split("\n").length;
    if (lines <= MAX_FUNCTION_LINES) return;
    context.report({ node: start, message: `a function of ${lines} lines; at most ${MAX_FUNCTION_LINES} are allowed` });
  };
  return { FunctionDeclaration: check, FunctionExpression: check, ArrowFunctionExpression: check };
}

/** Files are short: split by meaning what has outgrown its file. */
function fileLength(context: Context): Visitor {
  const limit = fileOf(context).startsWith("tests/") ? MAX_TEST_FILE_LINES : MAX_FILE_LINES;
  return {
    Program(node) {
      let code = context.sourceCode.text;
      for (const { range: [start, end] } of context.sourceCode.getAllComments()) {
        code = code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, " ") + code.slice(end);
      }
      const lines = code.split("\n").filter((line) => line.trim() !== "").length;
      if (lines > limit) context.report({ node, message: `${lines} lines of code; at most ${limit} are allowed` });
    },
  };
}

/** Files begin with a comment that says what they are for, who takes part, and what they do not do. */
function moduleComment(context: Context): Visitor {
  const file = fileOf(context);
  if (file.endsWith("_test.ts")) return {};
  return {
    Program(node) {
      const comment = /^(?:#!.*\n)?(\/\*\*[\s\S]*?\*\/)/.exec(context.sourceCode.text)?.[1];
      if (comment === undefined) context.report({ node, message: "no doc comment at the head of the file" });
      else if (!file.startsWith("tests/") && !comment.includes("@module")) {
        context.report({ node, message: "no @module in the doc comment at the head of the file" });
      }
    },
  };
}

/** Exported symbols have a doc comment: what it is, units, errors, source. */
function documentedExports(context: Context): Visitor {
  if (fileOf(context).startsWith("tests/")) return {};
  const overloaded = new Set<string>();
  return {
    ExportNamedDeclaration(node) {
      const { declaration } = node;
      if (declaration === null) return;
      const name = "id" in declaration && declaration.id?.type === "Identifier" ? declaration.id.name : undefined;
      if (name !== undefined && overloaded.has(name)) return;
      if (declaration.type === "TSDeclareFunction" && name !== undefined) overloaded.add(name);
      const { text } = context.sourceCode;
      let { range: [start] } = node;
      for (const comment of context.sourceCode.getCommentsBefore(node).toReversed()) {
        if (text.slice(comment.range[1], start).trim() !== "") break;
        start = comment.range[0];
        if (comment.value.trimStart().startsWith("deno-")) continue;
        if (comment.type === "Block" && comment.value.startsWith("*") && !comment.value.includes("@module")) return;
        break;
      }
      context.report({ node, message: `no doc comment on ${name ?? "this export"}` });
    },
  };
}

/** Exports have names, so that one thing has one name everywhere. */
function namedExports(context: Context): Visitor {
  return { ExportDefaultDeclaration: (node) => context.report({ node, message: "a default export" }) };
}

/** Every test runs: none is skipped, and none runs alone. */
function allTestsRun(context: Context): Visitor {
  if (!fileOf(context).startsWith("tests/")) return {};
  const report = (node: Deno.lint.Node): void =>
    context.report({ node, message: "a test that is skipped or runs alone" });
  return {
    MemberExpression(node) {
      const text = context.sourceCode.getText(node);
      if (/\b(?:test|step)\.(?:ignore|only|skip)$/.test(text)) report(node);
    },
    Property({ key }) {
      if (key.type === "Identifier" && ["ignore", "only"].includes(key.name)) report(key);
    },
  };
}

const plugin: Deno.lint.Plugin = {
  name: "sluice",
  rules: {
    "pure": { create: pure },
    "function-length": { create: functionLength },
    "file-length": { create: fileLength },
    "module-comment": { create: moduleComment },
    "documented-exports": { create: documentedExports },
    "named-exports": { create: namedExports },
    "all-tests-run": { create: allTestsRun },
  },
};

// deno-lint-ignore sluice/named-exports -- Deno loads a plugin by its default export
export default plugin;
