import assert from "node:assert/strict";
import path from "node:path";
import { SluiceError } from "../../../app/api.ts";
import { formatKey } from "../../../app/keys.ts";
import { AccessFileError } from "../../../app/server/access.ts";
import { AccessFiles, openAccess, readToken } from "../../../io/access_files.ts";

const IS_WINDOWS = Deno.build.os === "windows";
const KEYS = [1, 2, 3].map((byte) => formatKey(new Uint8Array(32).fill(byte)));
const TOKEN = "sixteen-and-more";

async function inFolder(use: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-access-" });
  try {
    use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function write(file: string, text: string, mode = 0o600): string {
  Deno.writeTextFileSync(file, text);
  if (!IS_WINDOWS) Deno.chmodSync(file, mode);
  return file;
}

/** The kind of credentials in the file that cannot be read, and the message. */
function unreadable(action: () => void): [credentials: string, message: string] {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof AccessFileError, String(error));
    return [error.credentials, error.message];
  }
  assert.fail("it was read");
}

function fails(action: () => void, pattern: RegExp): void {
  assert.throws(
    action,
    (error) => error instanceof SluiceError && error.kind === "local-disk" && pattern.test(error.message),
  );
}

Deno.test("AccessFiles.read puts the lines of all files together", async () => {
  await inFolder((folder) => {
    const keys = write(path.join(folder, "keys"), `${KEYS[0]} alice\n${KEYS[1]} bob\n`);
    const tokens = write(path.join(folder, "tokens"), `${TOKEN} team\n`);
    const files = new AccessFiles([{ path: keys, kind: "key" }, { path: tokens, kind: "token" }]);
    assert.deepEqual(files.read().entries.map(({ kind, name }) => [kind, name]), [
      ["key", "alice"],
      ["key", "bob"],
      ["token", "team"],
    ]);
    assert.equal(files.poll(), undefined);
  });
});

Deno.test("AccessFiles.poll gives what has changed once it has looked the same twice", async () => {
  await inFolder((folder) => {
    const keys = write(path.join(folder, "keys"), KEYS[0]!);
    const files = new AccessFiles([{ path: keys, kind: "key" }]);
    files.read();
    write(keys, `${KEYS[0]}\n${KEYS[1]!.slice(0, 9)}`);
    assert.equal(files.poll(), undefined, "half of it is written");
    write(keys, `${KEYS[0]}\n${KEYS[1]}\n`);
    assert.equal(files.poll(), undefined);
    assert.equal(files.poll()?.entries.length, 2);
    assert.equal(files.poll(), undefined);
  });
});

Deno.test("AccessFiles.poll gives the entries as they are now if it is forced, changed or not", async () => {
  await inFolder((folder) => {
    const keys = write(path.join(folder, "keys"), KEYS[0]!);
    const files = new AccessFiles([{ path: keys, kind: "key" }]);
    files.read();
    assert.equal(files.poll({ isForced: true })?.entries.length, 1);
    write(keys, `${KEYS[0]}\n${KEYS[1]}\n`);
    assert.equal(files.poll({ isForced: true })?.entries.length, 2);
    assert.equal(files.poll(), undefined);
    Deno.removeSync(keys);
    assert.equal(files.poll({ isForced: true })?.entries.length, 0);
  });
});

Deno.test("AccessFiles.poll reports once what cannot be read, and reads it again once it is corrected", async () => {
  await inFolder((folder) => {
    const keys = write(path.join(folder, "keys"), KEYS[0]!);
    const files = new AccessFiles([{ path: keys, kind: "key" }]);
    files.read();
    write(keys, "no key at all");
    files.poll();
    fails(() => files.poll(), /keys, line 1: "no" is not a key/);
    assert.equal(files.poll(), undefined);
    write(keys, `${KEYS[1]} bob`);
    files.poll();
    assert.deepEqual(files.poll()?.entries.map(({ name }) => name), ["bob"]);
  });
});

Deno.test("AccessFiles.poll tells which of its files cannot be read, and the file's path", async () => {
  await inFolder((folder) => {
    const keys = write(path.join(folder, "a"), `${KEYS[0]} alice`);
    const tokens = write(path.join(folder, "b"), `${TOKEN} team`);
    const files = new AccessFiles([{ path: keys, kind: "key" }, { path: tokens, kind: "token" }]);
    files.read();
    const failure = () => {
      files.poll();
      const [credentials, message] = unreadable(() => files.poll());
      return [credentials, message.slice(0, message.indexOf(","))];
    };
    write(tokens, "short");
    assert.deepEqual(failure(), ["token", tokens]);
    write(tokens, TOKEN);
    write(keys, "no key");
    assert.deepEqual(failure(), ["key", keys]);
    if (IS_WINDOWS) return;
    write(keys, KEYS[0]!);
    write(tokens, TOKEN, 0o644);
    assert.deepEqual(failure(), ["token", tokens]);
    Deno.removeSync(keys);
    Deno.mkdirSync(keys, { mode: 0o700 });
    assert.deepEqual(failure(), ["key", `cannot read ${keys}`]);
  });
});

Deno.test("AccessFiles.poll authorizes no client by a deleted file, but waits while a file is being replaced", async () => {
  await inFolder((folder) => {
    const keys = write(path.join(folder, "keys"), KEYS[0]!);
    const files = new AccessFiles([{ path: keys, kind: "key" }]);
    files.read();
    Deno.removeSync(keys);
    assert.equal(files.poll(), undefined);
    // Of another size: inode and time may be the same as before.
    write(keys, `${KEYS[2]!} carol`);
    assert.equal(files.poll(), undefined);
    assert.equal(files.poll()?.entries.length, 1);
    Deno.removeSync(keys);
    files.poll();
    assert.deepEqual(files.poll()?.entries, []);
  });
});

Deno.test("AccessFiles.read refuses a file that is missing, or that others could have changed or read", async () => {
  await inFolder((folder) => {
    const keys = path.join(folder, "keys");
    const read = (kind: "key" | "token") => new AccessFiles([{ path: keys, kind }]).read();
    fails(() => read("key"), /cannot read .*keys, the keys of clients: it does not exist/);
    if (IS_WINDOWS) return;
    write(keys, KEYS[0]!, 0o664);
    fails(() => read("key"), /is writable by other users; run `chmod go-w/);
    write(keys, KEYS[0]!, 0o644);
    assert.equal(read("key").entries.length, 1);
    fails(() => read("token"), /is readable by other users; run `chmod 600/);
  });
});

Deno.test("openAccess takes the files that are named, and the usual one if it is there", async () => {
  await inFolder((folder) => {
    const usual = path.join(folder, "authorized_keys");
    const open = (keysFile?: string, tokenFile?: string) =>
      openAccess({ stateFolder: folder, keysFile, tokenFile })?.paths;
    assert.equal(open(), undefined);
    assert.deepEqual(open("/k"), ["/k"]);
    assert.deepEqual(open(undefined, "/t"), ["/t"]);
    write(usual, KEYS[0]!);
    assert.deepEqual(open(), [usual]);
    assert.deepEqual(open(undefined, "/t"), [usual, "/t"]);
    assert.deepEqual(open("/k", "/t"), ["/k", "/t"]);
  });
});

Deno.test("readToken takes the first word of a file that is its owner's alone", async () => {
  await inFolder((folder) => {
    const file = write(path.join(folder, "token"), `# of the lab\n\n${TOKEN} rights=read\nanother-token-here\n`);
    assert.deepEqual(readToken(file), new TextEncoder().encode(TOKEN));
    fails(() => readToken(write(file, "\n")), /there is no token in .*token/);
    if (!IS_WINDOWS) fails(() => readToken(write(file, TOKEN, 0o640)), /readable by other users/);
    fails(() => readToken(path.join(folder, "none")), /cannot read .*none, the token: it does not exist/);
  });
});
