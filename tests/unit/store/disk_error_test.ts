import assert from "node:assert/strict";
import fs from "node:fs";
import { attempt, attemptAsync, diskError, diskErrorCode, onDisk, toStoreError } from "../../../store/disk_error.ts";
import { StoreError, type StoreErrorKind } from "../../../transfer/file_store.ts";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: it failed, open '/srv/private/path'`), { code });
}

Deno.test("toStoreError says what failed, and what to do", () => {
  const cases: readonly (readonly [string, StoreErrorKind, RegExp])[] = [
    ["ENOSPC", "no-space", /disk is full; free some space/],
    ["EDQUOT", "no-space", /quota/],
    ["EFBIG", "no-space", /larger/],
    ["EROFS", "read-only", /read-only/],
    ["EACCES", "denied", /check its owner and mode/],
    ["EPERM", "denied", /not permit/],
    ["EEXIST", "exists", /already exists$/],
    ["ENOENT", "not-found", /does not exist/],
    ["ENAMETOOLONG", "bad-name", /too long for this disk$/],
    ["EISDIR", "not-a-file", /folder/],
    ["ELOOP", "not-a-file", /link/],
    ["EIO", "io", /check the disk/],
    ["EMFILE", "busy", /too many files/],
    ["ESTRANGE", "io", /ESTRANGE/],
  ];
  for (const [code, kind, words] of cases) {
    const error = toStoreError(systemError(code), '"a.bin"');
    assert(error instanceof StoreError);
    assert.equal(error.kind, kind, code);
    assert.match(error.message, words);
    assert(error.message.startsWith('"a.bin" '), error.message);
    assert(!error.message.includes("private"), "no path of this machine in what a peer may read");
  }
});

Deno.test("toStoreError understands both of Deno's file interfaces", async () => {
  const calls: readonly (() => Promise<unknown>)[] = [
    () => fs.promises.open("/no/such/file", "r"),
    () => Deno.open("/no/such/file"),
  ];
  for (const call of calls) {
    await assert.rejects(
      () => onDisk("it", call),
      (error) => error instanceof StoreError && error.kind === "not-found",
    );
  }
});

// The device that is always full is Linux's; what it reports is in the table above for every platform.
if (Deno.build.os === "linux") {
  Deno.test("toStoreError reports a full device", async () => {
    const descriptor = fs.openSync("/dev/full", "w");
    await assert.rejects(
      () => onDisk('"a"', () => Promise.try(() => fs.writeSync(descriptor, new Uint8Array(10), 0, 10, 0))),
      (error) => error instanceof StoreError && error.kind === "no-space",
    );
    fs.closeSync(descriptor);
  });
}

Deno.test("toStoreError names the permission that Deno lacks", () => {
  const error = toStoreError(new Deno.errors.NotCapable('Requires write access to "/srv/private"'), '"a"');
  assert.equal(error.kind, "denied");
  assert.match(error.message, /--allow-read/);
  assert(!error.message.includes("private"));
});

Deno.test("toStoreError explains a path that is not UTF-8", () => {
  const error = toStoreError(
    new Deno.errors.InvalidData('File name or path "/srv/private\xff" is not valid UTF-8'),
    '"a"',
  );
  assert.equal(error.kind, "io");
  assert.equal(error.message, '"a" cannot be accessed: its path is not valid UTF-8; rename its folder');
});

Deno.test("toStoreError leaves a StoreError as it is", () => {
  const error = new StoreError("changed", "x");
  assert.equal(toStoreError(error, "y"), error);
});

Deno.test("toStoreError throws a bug again", () => {
  for (const bug of [new TypeError("x is not a function"), "text", undefined]) {
    assert.throws(() => toStoreError(bug, "it"), (thrown) => thrown === bug);
  }
  // node:* marks wrong arguments with codes of its own.
  const wrongArgument = Object.assign(new TypeError("bad"), { code: "ERR_INVALID_ARG_TYPE" });
  assert.equal(diskErrorCode(wrongArgument), undefined);
  assert.throws(() => toStoreError(wrongArgument, "it"), TypeError);
});

Deno.test("onDisk resolves to what the call resolves to", async () => {
  assert.equal(await onDisk("it", () => Promise.resolve(7)), 7);
});

Deno.test("attemptAsync ignores errors of the disk, and throws bugs", async () => {
  await attemptAsync(() => Promise.reject(diskError("EIO")));
  const bug = new TypeError("x is not a function");
  await assert.rejects(() => attemptAsync(() => Promise.reject(bug)), (thrown) => thrown === bug);
});

Deno.test("attempt ignores errors of the disk, and throws bugs", () => {
  attempt(() => {
    throw diskError("EIO");
  });
  const bug = new TypeError("x is not a function");
  assert.throws(() =>
    attempt(() => {
      throw bug;
    }), (thrown) => thrown === bug);
});
