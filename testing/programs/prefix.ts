/**
 * Runs the command that its arguments are, as `ip netns exec` does, on every platform: the smoke test's stand-in for
 * what puts a process at one end of a link.
 *
 * @module
 */

const [file, ...args] = Deno.args;
const { code } = await new Deno.Command(file!, { args, stdin: "inherit", stdout: "inherit", stderr: "inherit" }).spawn()
  .status;
Deno.exit(code);
