/**
 * The policy for symbolic links: they travel as links, and only those that cannot lead out of the tree that is
 * transferred.
 *
 * @module
 */

/**
 * Why a link at `path` with this target does not travel, as the rest of a sentence that begins with the link; undefined
 * if it does.
 *
 * A target that travels is relative, goes up only at its beginning, and not above the tree's root. The folders above a
 * link are folders, so going up there leads where the path says, and whatever other link the rest passes through
 * obeys the same rule: so such a link leads nowhere but into the tree. "a/../b" would not do, as "a" may be a link.
 */
export function whyLinkStays(path: string, target: string): string | undefined {
  if (target === "") return "is a symbolic link without a target";
  if (/^(?:[/\\]|[a-z]:)/i.test(target)) return "is a symbolic link with an absolute target";
  let heightLeft = path.split("/").length - 1;
  let isGoingUp = true;
  for (const component of target.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") {
      isGoingUp = false;
      continue;
    }
    if (!isGoingUp) return 'is a symbolic link with ".." after a name in its target, which may lead anywhere';
    if (heightLeft === 0) return "is a symbolic link that leads out of the folder";
    heightLeft--;
  }
  return undefined;
}
