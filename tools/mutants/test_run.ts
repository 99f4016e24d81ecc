/**
 * Runs tests in a copy of the checkout, within a time limit, and reads what came of them.
 *
 * @module
 */

/** A test that failed. */
export interface FailedTest {
  /** By its path from the root. */
  readonly file: string;
  /** The test's name and its steps', or what is wrong with the file as a whole. */
  readonly name: string;
}

/** What came of a run. */
export interface TestRun {
  /**
   * passed; failed; timed-out: ended when its time was over; broken: a file could not be loaded, or a test ended the
   * whole process, which says nothing of what is tested.
   */
  readonly kind: "passed" | "failed" | "timed-out" | "broken";
  /** The first test that failed, or ran when the time was over. */
  readonly failed: FailedTest | undefined;
  readonly tookMs: number;
  /** All that was printed. */
  readonly output: string;
}

/** How deno heads the report of a failed test. */
const FAILURE = /^(.+) => \.\/(tests\/\S+?):\d+:\d+$/m;

/** How it heads an error outside of any test: when the file is loaded, or in a promise that nobody waits for. */
const FILE_FAILURE = /^\.\/(tests\/\S+) \(uncaught error\)$/m;

/** The first failure that the output of `deno test` reports. */
export function firstFailure(output: string): FailedTest | undefined {
  const report = output.slice(Math.max(0, output.indexOf("\n ERRORS \n")));
  const test = FAILURE.exec(report);
  return test === null ? undefined : { file: test[2]!, name: test[1]! };
}

/** The test that was running where the output breaks off. */
export function runningTest(output: string): FailedTest | undefined {
  const file = filesBegun(output).at(-1);
  if (file === undefined) return undefined;
  const [, name = "before its first test"] = /^(.+) \.\.\.[^\n]*$/.exec(output.trimEnd().split("\n").at(-1)!) ?? [];
  return { file, name };
}

/** The files whose tests were begun, in that order. */
function filesBegun(output: string): string[] {
  return [...output.matchAll(/^running \d+ tests? from \.\/(\S+)$/gm)].map((match) => match[1]!);
}

/** What came of a run that ended by itself. */
export function outcomeOf(output: string, isSuccess: boolean): Pick<TestRun, "kind" | "failed"> {
  if (isSuccess) return { kind: "passed", failed: undefined };
  const failed = firstFailure(output);
  if (failed !== undefined) return { kind: "failed", failed };
  const file = FILE_FAILURE.exec(output)?.[1];
  if (file === undefined) return { kind: "broken", failed: undefined };
  // Once its tests run the file is loaded, and the error comes from what a test has begun and did not wait for.
  const isLoaded = filesBegun(output).includes(file);
  return { kind: isLoaded ? "failed" : "broken", failed: { file, name: "an error that no test waits for" } };
}

/** Runs the tests in `files` of the checkout at `folder`, until one fails or `limitMs` have passed. */
export async function runTests(
  folder: string,
  options: { readonly files: readonly string[]; readonly limitMs: number },
): Promise<TestRun> {
  const { files, limitMs } = options;
  const args = ["test", "-P", "--no-prompt", "--no-check", "--fail-fast", ...files];
  const env = { NO_COLOR: "1" };
  const startMs = performance.now();
  const child = new Deno.Command(Deno.execPath(), { args, cwd: folder, env, stdout: "piped", stderr: "piped" }).spawn();
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    child.kill("SIGKILL");
  }, limitMs);
  const [stdout, stderr, { success }] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.status,
  ]);
  clearTimeout(timer);
  const tookMs = performance.now() - startMs;
  const output = stdout + stderr;
  if (isOver && !success) return { kind: "timed-out", failed: runningTest(stdout), tookMs, output };
  return { ...outcomeOf(output, success), tookMs, output };
}
