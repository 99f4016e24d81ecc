import assert from "node:assert/strict";
import path from "node:path";
import { SluiceError } from "../../../app/api.ts";
import { formatKey } from "../../../app/keys.ts";
import {
  entryAt,
  findIdentity,
  findStateFolder,
  KnownServers,
  openIdentity,
  sizeOf,
  stateFolder,
} from "../../../io/state_folder.ts";

const IS_WINDOWS = Deno.build.os === "windows";
const KEY = new Uint8Array(32).fill(1);

async function inFolder(use: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-state-" });
  try {
    use(path.join(folder, "state"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function fails(action: () => void, pattern: RegExp): void {
  assert.throws(
    action,
    (error) => error instanceof SluiceError && error.kind === "local-disk" && pattern.test(error.message),
  );
}

Deno.test("stateFolder is what was told, or the environment says, or where users keep such things", () => {
  const variables = new Map<string, string>();
  const env = (name: string): string | undefined => variables.get(name);
  const home = path.resolve("someone");
  variables.set("HOME", home).set("LOCALAPPDATA", home);
  const usual = IS_WINDOWS ? path.join(home, "Sluice") : path.join(home, ".local", "state", "sluice");
  assert.equal(stateFolder(undefined, env), usual);
  if (!IS_WINDOWS) {
    variables.set("XDG_STATE_HOME", "relative");
    assert.equal(stateFolder(undefined, env), usual, "a relative one is to be ignored");
    variables.set("XDG_STATE_HOME", "/xdg");
    assert.equal(stateFolder(undefined, env), "/xdg/sluice");
  }
  variables.set("SLUICE_STATE", path.resolve("/mine"));
  assert.equal(stateFolder(undefined, env), path.resolve("/mine"));
  assert.equal(stateFolder(path.resolve("/told"), env), path.resolve("/told"));
});

Deno.test("stateFolder never is in the current folder: without a home it has to be told", () => {
  for (const home of [undefined, "", ".", "home"]) {
    const env = (name: string) => name === "HOME" || name === "LOCALAPPDATA" ? home : undefined;
    assert.equal(findStateFolder(undefined, env), undefined, home);
    assert.throws(
      () => stateFolder(undefined, env),
      (error) =>
        error instanceof SluiceError && error.kind === "usage" &&
        /^there is no folder .* not set; pass --state FOLDER, or set SLUICE_STATE$/.test(error.message),
    );
    assert.equal(stateFolder("told", env), path.resolve("told"));
  }
});

Deno.test("stateFolder refuses a path that is not UTF-8", () => {
  const home = (value: string) => (name: string) => name === "HOME" || name === "LOCALAPPDATA" ? value : undefined;
  fails(() => stateFolder("/a\ufffd", () => undefined), /^the path of the state folder is not valid UTF-8/);
  fails(() => stateFolder(undefined, home("/\ufffd")), /^the path of the state folder is not valid UTF-8/);
});

Deno.test("openIdentity makes a key the first time, for its owner alone, and keeps it", async () => {
  await inFolder((folder) => {
    const { file, privateKey, publicKey } = openIdentity(folder, "server");
    assert.equal(privateKey.length + publicKey.length, 64);
    assert.notDeepEqual(privateKey, publicKey);
    assert.deepEqual(openIdentity(folder, "server").privateKey, privateKey);
    if (!IS_WINDOWS) {
      assert.equal(Deno.statSync(file).mode! & 0o777, 0o600);
      assert.equal(Deno.statSync(folder).mode! & 0o777, 0o700);
    }
  });
  await inFolder((folder) => {
    const { privateKey } = openIdentity(folder, "server");
    assert.notDeepEqual(openIdentity(`${folder}-other`, "server").privateKey, privateKey);
  });
});

Deno.test("openIdentity refuses a key that others may read, or that is none", async () => {
  await inFolder((folder) => {
    const { file, privateKey } = openIdentity(folder, "server");
    if (!IS_WINDOWS) {
      Deno.chmodSync(file, 0o640);
      fails(() => openIdentity(folder, "server"), /is readable by other users; run `chmod 600/);
      Deno.chmodSync(file, 0o600);
    }
    Deno.writeTextFileSync(file, formatKey(privateKey).slice(1));
    fails(() => openIdentity(folder, "server"), /is not a server's key/);
  });
});

Deno.test("openIdentity says which folder it cannot use", async () => {
  await inFolder((folder) => {
    Deno.writeTextFileSync(folder, "a file");
    fails(() => openIdentity(folder, "server"), /cannot keep the server's key in .*--state/);
  });
});

Deno.test("KnownServers remembers a key for each address", async () => {
  await inFolder((folder) => {
    const known = new KnownServers(folder);
    assert.equal(known.keyOf("a:1"), undefined);
    known.remember("a:1", KEY);
    known.remember("[::1]:2", new Uint8Array(32).fill(2));
    const again = new KnownServers(folder);
    assert.deepEqual(again.keyOf("a:1"), KEY);
    assert.deepEqual(again.keyOf("[::1]:2"), new Uint8Array(32).fill(2));
    assert.equal(again.keyOf("a:2"), undefined);
  });
});

Deno.test("KnownServers passes over comments and empty lines, and names a line that is neither", async () => {
  await inFolder((folder) => {
    const known = new KnownServers(folder);
    Deno.writeTextFileSync(known.file, `# mine\n\n  a:1   ${formatKey(KEY)}  \n`);
    assert.deepEqual(known.keyOf("a:1"), KEY);
    for (const line of ["b:1", "b:1 short", `b:1 ${formatKey(KEY)} more`]) {
      Deno.writeTextFileSync(known.file, `# mine\n${line}\n`);
      fails(() => known.keyOf("a:1"), /known_servers, line 2 is not an address/);
    }
  });
});

Deno.test("KnownServers lists, replaces and forgets servers, and keeps comments", async () => {
  await inFolder((folder) => {
    const known = new KnownServers(folder);
    assert.deepEqual(known.list(), []);
    const other = new Uint8Array(32).fill(2);
    Deno.writeTextFileSync(known.file, `# mine\n\na:1 ${formatKey(KEY)}\nb:1 ${formatKey(other)}`);
    known.replace("a:1", other);
    known.replace("c:1", KEY);
    const text = `# mine\n\nb:1 ${formatKey(other)}\na:1 ${formatKey(other)}\nc:1 ${formatKey(KEY)}\n`;
    assert.equal(Deno.readTextFileSync(known.file), text);
    known.replace("b:1", undefined);
    known.replace("nowhere:1", undefined);
    assert.deepEqual(known.list(), [{ address: "a:1", key: other }, { address: "c:1", key: KEY }]);
    if (!IS_WINDOWS) assert.equal(Deno.statSync(known.file).mode! & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["known_servers"]);
  });
});

Deno.test("findIdentity finds the key that openIdentity made, of the same owner, and makes none", async () => {
  await inFolder((folder) => {
    assert.equal(findIdentity(folder, "client"), undefined);
    openIdentity(folder, "server");
    assert.equal(findIdentity(folder, "client"), undefined);
    const made = openIdentity(folder, "client");
    assert.deepEqual(findIdentity(folder, "client"), made);
    assert.notDeepEqual(findIdentity(folder, "server")!.privateKey, made.privateKey);
    Deno.writeTextFileSync(made.file, "nonsense");
    fails(() => findIdentity(folder, "client"), /is not a client's key/);
  });
});

Deno.test("sizeOf knows the size of files, and of nothing else", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-size-" });
  try {
    const file = path.join(folder, "file");
    await Deno.writeTextFile(file, "seven b");
    assert.deepEqual([file, folder, path.join(folder, "missing"), `${file}/below`].map(sizeOf), [
      7,
      undefined,
      undefined,
      undefined,
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("entryAt tells what is at a path, and takes what cannot be looked up for nothing", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const file = path.join(folder, "file");
    Deno.writeTextFileSync(file, "");
    if (!IS_WINDOWS) Deno.symlinkSync("nowhere", path.join(folder, "link"));
    const found = [folder, file, path.join(folder, "link"), path.join(folder, "missing")].map(entryAt);
    assert.deepEqual(found, ["folder", "other", IS_WINDOWS ? undefined : "other", undefined]);
    for (const unknown of ["", path.join(file, "below"), path.join(folder, "n".repeat(300)), "a\0b"]) {
      assert.equal(entryAt(unknown), undefined, unknown);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
