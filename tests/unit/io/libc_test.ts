import assert from "node:assert/strict";
import { libraryPaths, loadLibC, systemLibC } from "../../../io/libc.ts";

Deno.test("libraryPaths has glibc's and musl's places, by the processor", () => {
  const paths = libraryPaths("aarch64");
  for (const path of ["/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/lib/ld-musl-aarch64.so.1"]) {
    assert(paths.includes(path), path);
  }
});

Deno.test("loadLibC says why there are no calls", () => {
  if (Deno.build.os === "linux") assert.equal(loadLibC(["/lib/libsluice-missing.so"]), "no C library was found");
  else assert.equal(systemLibC, `${Deno.build.os} has no calls for batches`);
});

Deno.test("loadLibC gives calls, their errors, and where buffers lie", () => {
  if (typeof systemLibC === "string") return;
  const libc = systemLibC;
  assert.equal(libc.close(-1), -1);
  assert.equal(libc.errno(), 9);
  assert.equal(libc.socket(99, 2, 0), -1);
  assert.equal(libc.errno(), 97);
  assert.equal(libc.strerror(98), "Address already in use");
  const bytes = new Uint8Array(new ArrayBuffer(1000));
  assert.equal(libc.addressOf(bytes.subarray(17)) - libc.addressOf(bytes), 17n);
  assert(bytes.every((byte) => byte === 0), "asking changes nothing");
});

Deno.test("systemLibC has the calls of a socket and that of a disk, and no others", () => {
  if (typeof systemLibC === "string") return;
  const calls = ["socket", "bind", "getsockname", "setsockopt", "getsockopt", "if_nametoindex"];
  const ofDatagrams = ["sendmsg", "recvmmsg", "recvmmsgWaiting", "pollWaiting", "shutdown", "close", "usleepWaiting"];
  const known = [...calls, ...ofDatagrams, "statx", "errno", "strerror", "addressOf"];
  assert.deepEqual(Object.keys(systemLibC).sort(), known.sort());
});
