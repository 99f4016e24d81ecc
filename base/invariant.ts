/**
 * Assertions of our own code, on in production. A broken invariant is a bug of Sluice's, never of a peer's, a
 * caller's or a disk's: it crashes loudly, because going on could write a wrong byte.
 *
 * @module
 */

/** A broken invariant: a bug in Sluice. Nothing catches it but the outermost loop of a program. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/**
 * Throws unless `condition` holds. `message` is a constant string: a message built at the call would cost an
 * allocation on every packet.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
