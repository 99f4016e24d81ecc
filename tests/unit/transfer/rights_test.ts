import assert from "node:assert/strict";
import type { RequestMessage } from "../../../transfer/messages.ts";
import { ALL_RIGHTS, refusalForRights, type Right, RIGHTS } from "../../../transfer/rights.ts";

const PUT = { type: "put", name: "a", sizeBytes: 1, overwrite: false } as const;
const GET = { type: "get", name: "a" } as const;
const LIST = { type: "list" } as const;
const STAT = { type: "stat", name: "a" } as const;
const MAKE = { type: "make", name: "a", kind: "folder", sizeBytes: 0 } as const;
const LINK = { type: "make", name: "a", kind: "link", sizeBytes: 0, target: "b" } as const;
const REMOVE = { type: "remove", name: "a" } as const;
const MOVE = { type: "move", name: "a", newName: "b" } as const;
const SPACE = { type: "space" } as const;

const REQUESTS: readonly (readonly [string, RequestMessage])[] = [
  ["put", PUT],
  ["replace", { ...PUT, overwrite: true }],
  ["get", GET],
  ["list", LIST],
  ["stat", STAT],
  ["digest", { ...STAT, digest: true }],
  ["make", MAKE],
  ["link", LINK],
  ["relink", { ...LINK, overwrite: true }],
  ["remove", REMOVE],
  ["move", MOVE],
  ["move over", { ...MOVE, overwrite: true }],
  ["space", SPACE],
];

/** Which of the requests a client with these rights may make. */
function allowed(...rights: Right[]): string {
  return REQUESTS.filter(([, request]) => refusalForRights(request, new Set(rights)) === undefined)
    .map(([name]) => name).join(", ");
}

Deno.test("refusalForRights allows with each right its requests, and no others", () => {
  assert.equal(allowed(...RIGHTS), REQUESTS.map(([name]) => name).join(", "));
  assert.equal(allowed(), "");
  assert.equal(allowed("read"), "get, stat, digest, space");
  assert.equal(allowed("write"), "put, make, link");
  assert.equal(allowed("list"), "list, stat, space");
  assert.equal(allowed("overwrite"), "", "a client that may not write may not replace either");
  assert.equal(allowed("delete"), "remove", "a client that may not write may give nothing another name");
  assert.equal(allowed("write", "overwrite"), "put, replace, make, link, relink");
  assert.equal(allowed("write", "delete"), "put, make, link, remove, move");
  assert.equal(allowed("write", "overwrite", "read", "list").includes("move"), false);
});

Deno.test("refusalForRights names what the client has no permission to do", () => {
  const whys = [PUT, MAKE, GET, { ...STAT, digest: true }, LIST, STAT, SPACE].map((request) =>
    refusalForRights(request, new Set())
  );
  const kinds = ["send", "send", "get", "get", "list", "list", "list"];
  assert.deepEqual(whys, kinds.map((what) => `no permission to ${what} files`));
  assert.equal(refusalForRights({ ...PUT, overwrite: true }, new Set(["write"])), "no permission to replace files");
  for (const request of [REMOVE, MOVE]) {
    assert.equal(refusalForRights(request, new Set(["write"])), "no permission to remove or rename files");
  }
  assert.equal(refusalForRights(PUT, ALL_RIGHTS), undefined);
});
