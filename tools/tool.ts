/**
 * What all tools do alike: options, output and exit codes. 0: done; 1: something failed; 2: usage error.
 *
 * @module
 */

/** The command line makes no sense; the message names the option. */
export class UsageError extends Error {}

/** Prints a line: a result. */
export function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Prints a line to standard error: progress, or an error. */
export function printError(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** The value of an option that takes a whole number. Throws UsageError. */
export function wholeNumber(option: string, text: string, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= min && number <= max) return number;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new UsageError(`--${option}: expected a whole number ${range}, not "${text}"`);
}

/** Runs a tool and ends the process with the exit code that it returns. */
export async function runTool(usage: string, main: () => number | Promise<number>): Promise<never> {
  try {
    Deno.exit(await main());
  } catch (error) {
    const isUsage = error instanceof UsageError ||
      (error instanceof TypeError && "code" in error && `${error.code}`.startsWith("ERR_PARSE_ARGS"));
    if (!isUsage) throw error;
    printError(`${error.message}\n\n${usage}`);
    Deno.exit(2);
  }
}
