import assert from "node:assert/strict";
import type { Message } from "../../../transfer/messages.ts";
import { ALL_RIGHTS, refusalForRights, type Right, RIGHTS } from "../../../transfer/rights.ts";

const PUT = { type: "put", name: "a", sizeBytes: 1, overwrite: false } as const;
const GET = { type: "get", name: "a" } as const;
const LIST = { type: "list" } as const;
const STAT = { type: "stat", name: "a" } as const;

/** Which of the requests somebody with these rights may make. */
function allowed(...rights: Right[]): string {
  const requests: [string, Message][] = [
    ["put", PUT],
    ["replace", { ...PUT, overwrite: true }],
    ["get", GET],
    ["list", LIST],
    ["stat", STAT],
  ];
  return requests.filter(([, request]) => refusalForRights(request, new Set(rights)) === undefined)
    .map(([name]) => name).join(" ");
}

Deno.test("refusalForRights allows with each right its requests, and no others", () => {
  assert.equal(allowed(...RIGHTS), "put replace get list stat");
  assert.equal(allowed(), "");
  assert.equal(allowed("read"), "get stat");
  assert.equal(allowed("write"), "put");
  assert.equal(allowed("list"), "list stat");
  assert.equal(allowed("overwrite"), "", "who may not write may not replace either");
  assert.equal(allowed("write", "overwrite"), "put replace");
});

Deno.test("refusalForRights names what the client has no permission to do", () => {
  const whys = [PUT, GET, LIST, STAT].map((request) => refusalForRights(request, new Set()));
  const kinds = ["send", "get", "list", "list"];
  assert.deepEqual(whys, kinds.map((what) => `no permission to ${what} files`));
  assert.equal(refusalForRights({ ...PUT, overwrite: true }, new Set(["write"])), "no permission to replace files");
  assert.equal(refusalForRights(PUT, ALL_RIGHTS), undefined);
});
