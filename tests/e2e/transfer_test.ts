// The main job: files up and down through the real programs, whatever their size, checked by sha256sum.

import assert from "node:assert/strict";
import { formatBytes } from "../../base/units.ts";
import path from "node:path";
import { namesIn, sha256Of, writeRandomFile } from "../../testing/programs/files.ts";
import { type Finished, reportsIn, Stage } from "../../testing/programs/programs.ts";

const MIB = 1024 * 1024;
const SIZES_BYTES = [0, 1, 1023, 1024, 1025, MIB, 100 * MIB];

/** What the client says of a transfer that went well, line by line; `sha256` is sha256sum's own answer. */
function assertReport(finished: Finished, expected: { names: string; size: string; sha256: string }) {
  assert.match(finished.stderr, /^connecting to .*\nconnected after .*\nconnection: .*\n$/);
  assert.equal(finished.code, 0);
  const [report, sha256, ...rest] = finished.stdout.trimEnd().split("\n");
  const [names, size, time, rate, ...more] = report!.split(/ {2,}/);
  assert.deepEqual([names, size], [expected.names, expected.size]);
  assert.match(time!, /^\d[\d.]* (?:ms|s)$|^\d+ min/);
  assert.match(rate!, /^[\d.]+ [kM]B\/s$/);
  // On loopback too a datagram may be lost where a buffer overflows.
  for (const cell of more) assert.match(cell, /^[\d.]+ % retransmitted$/);
  assert.equal(sha256, `  sha256 ${expected.sha256}`);
  assert.deepEqual(rest, []);
}

Deno.test("programs carry a file of any size up and down, verified", async (t) => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  for (const sizeBytes of SIZES_BYTES) {
    await t.step(`${sizeBytes} bytes`, async () => {
      const name = `${sizeBytes}.bin`;
      const source = await writeRandomFile(stage.path(name), sizeBytes);
      const sha256 = await sha256Of(source);
      const size = formatBytes(sizeBytes);

      const sent = await stage.client(["send", source, "--verbose", "--server", server.address]);
      assertReport(sent, { names: name, size, sha256 });
      assert.equal(await sha256Of(path.join(server.root, name)), sha256);
      assert.match(server.log, new RegExp(`receiving "${name}", ${formatBytes(sizeBytes)}\n`));
      assert.match(server.log, new RegExp(`received "${name}", ${formatBytes(sizeBytes)} in .*sha256 ${sha256}\n`));

      const copy = stage.path(`copy-${name}`);
      const got = await stage.client(["get", name, "--verbose", "--output", copy, "--server", server.address]);
      assertReport(got, { names: `${name} -> ${copy}`, size, sha256 });
      assert.equal(await sha256Of(copy), sha256);
      await server.program.says(
        new RegExp(`sent "${name}", ${formatBytes(sizeBytes)} in .*verified.*sha256 ${sha256}\n`),
      );
    });
  }
  assert.deepEqual(await namesIn(server.root), SIZES_BYTES.map((sizeBytes) => `${sizeBytes}.bin`).sort());
  const { code, stderr, stdout } = await server.stop();
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.match(stdout, /stopped\n$/);
});

Deno.test("client keeps a file's name, time and content, whatever the name", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  for (const name of ["with some spaces.txt", "Grüße aus Zürich ☃.txt", "-dash", "a".repeat(255)]) {
    const source = await writeRandomFile(stage.path(name), 2000);
    await Deno.utime(source, 1_000_000_000, 1_000_000_000);
    const sha256 = await sha256Of(source);
    const sent = await stage.client(["send", "--quiet", "--server", server.address, "--", source]);
    assert.deepEqual(sent, { code: 0, stdout: "", stderr: "" });
    const stored = await Deno.stat(path.join(server.root, name));
    assert.equal(stored.mtime?.getTime(), 1_000_000_000_000);
    assert.equal(await sha256Of(path.join(server.root, name)), sha256);
    await Deno.remove(source);
    const got = await stage.client(["get", "--quiet", "--server", server.address, "--", name]);
    assert.deepEqual(got, { code: 0, stdout: "", stderr: "" });
    assert.equal(await sha256Of(stage.path(name)), sha256);
  }
});

Deno.test("client takes several files over one connection, and goes on after one that fails", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const files = await Promise.all(
    ["a", "b", "c", "d", "e", "f"].map((name, index) => writeRandomFile(stage.path(name), index * 30_000)),
  );
  const missing = stage.path("missing");
  const sent = await stage.client(["send", files[0]!, missing, ...files.slice(1), "--server", server.address]);
  assert.equal(sent.code, 6);
  assert.match(sent.stderr, /^error: "\S+missing" does not exist\n$/);
  assert.equal(reportsIn(sent.stdout), files.length);
  assert.match(sent.stdout, /^6 of 7 files sent and verified, /m);
  assert.deepEqual(await namesIn(server.root), ["a", "b", "c", "d", "e", "f"]);
  assert.equal(server.log.match(/ connected/g)?.length, 1);

  await Deno.mkdir(stage.path("into"));
  const names = ["a", "nowhere", "b", "c", "d", "e", "f"];
  const got = await stage.client(["get", ...names, "--output", stage.path("into"), "--server", server.address]);
  assert.equal(got.code, 3);
  assert.match(got.stderr, /^error: "nowhere" does not exist on the server \(see "sluice list"\)\n$/);
  for (const file of files) {
    assert.equal(await sha256Of(stage.path("into", path.basename(file))), await sha256Of(file));
  }
});

Deno.test("client takes many small files over one connection, a line each and a total", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const names = Array.from({ length: 300 }, (_, i) => `file-${String(i).padStart(3, "0")}`);
  const files = await Promise.all(names.map((name, i) => writeRandomFile(stage.path(name), i * 40)));
  const sums = await Promise.all(files.map((file) => sha256Of(file)));
  const sent = await stage.client(["send", ...files, "--server", server.address, "--verbose"]);
  assert.equal(sent.code, 0, sent.stderr);
  assert.deepEqual(await namesIn(server.root), names);
  const told = sent.stdout.trimEnd().split("\n");
  const reports = told.slice(0, -1).join("\n").matchAll(/^(\S+) .*\n {2}sha256 (\w+)$/gm);
  const shown = [...reports].map(([, name, sha256]) => `${sha256}  ${name}`);
  assert.deepEqual(shown.toSorted(), names.map((name, i) => `${sums[i]}  ${name}`).toSorted());
  assert.match(told.at(-1)!, /^300 files sent and verified, 1\.8 MB in /);

  await Deno.mkdir(stage.path("into"));
  const got = await stage.client(["get", ...names, "--output", stage.path("into"), "--server", server.address]);
  assert.equal(got.code, 0, got.stderr);
  assert.match(got.stdout, /\n300 files received and verified, 1\.8 MB in .*\n$/);
  assert.deepEqual(await namesIn(stage.path("into")), names);
  for (const [index, name] of names.entries()) {
    assert.equal(await sha256Of(stage.path("into", name)), sums[index]);
  }
  await server.program.says(/disconnected[^]*disconnected/);
  assert.equal(server.log.match(/received "/g)?.length, 300);
  assert.equal(server.log.match(/verified by the client/g)?.length, 300);
});

Deno.test("client lists, finds its server in SLUICE_SERVER, and saves beside what is there already", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const env = { SLUICE_SERVER: server.address };
  const source = await writeRandomFile(stage.path("a.bin"), 1500);
  await Deno.utime(source, 1_000_000_000, 1_000_000_000);
  assert.deepEqual(await stage.client(["list"], { env }), { code: 0, stdout: "", stderr: "" });
  assert.equal((await stage.client(["send", source], { env })).code, 0);
  const listed = await stage.client(["list"], { env });
  assert.deepEqual(listed, { code: 0, stdout: "a.bin\t1500\t2001-09-09T01:46:40Z\n", stderr: "" });

  await Deno.writeTextFile(source, "mine, now different");
  for (const name of ["a.bin_received", "a.bin_received_2"]) {
    const got = await stage.client(["get", "a.bin"], { env });
    assert.equal(got.code, 0);
    assert.match(got.stdout, new RegExp(`^a\\.bin -> ${name} `));
    assert.equal(await sha256Of(stage.path(name)), await sha256Of(path.join(server.root, "a.bin")));
  }
  assert.equal(await Deno.readTextFile(source), "mine, now different");
});

Deno.test("client talks to a server command by command, an error ending nothing", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  await writeRandomFile(stage.path("with space"), 5000);
  const stdin = 'put "with space"\nfly\nget nowhere\nls\nget "with space"\nget "with space" copy\nquit\n';
  const { stdout, stderr } = await stage.client(["127.0.0.1", String(server.port)], { stdin });
  assert.equal(reportsIn(stdout), 2);
  assert.match(stdout, /^with space\t5000\t/m);
  assert.match(stdout, /^1 file unchanged$/m);
  assert.match(stdout, /^with space -> copy /m);
  assert.match(stderr, /"nowhere" does not exist/);
  assert.match(stderr, /fly/);
  assert.equal(await sha256Of(stage.path("copy")), await sha256Of(stage.path("with space")));
});

Deno.test("programs keep the time, the mode and the holes of a file up and down", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const moonLanding = new Date("1969-07-20T20:17:40Z");
  for (const [name, mode] of [["private", 0o600], ["program", 0o755]] as const) {
    const source = stage.path(name);
    await Deno.writeFile(source, new Uint8Array(8 * MIB));
    await Deno.utime(source, moonLanding, moonLanding);
    if (Deno.build.os !== "windows") await Deno.chmod(source, mode);
    const { mtime } = await Deno.stat(source);

    const copy = stage.path(`copy-${name}`);
    for (const args of [["send", source], ["get", name, "--output", copy]]) {
      const { code, stderr } = await stage.client([...args, "--server", server.address]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    }
    for (const received of [path.join(server.root, name), copy]) {
      const stats = await Deno.stat(received);
      assert.deepEqual([stats.size, stats.mtime], [8 * MIB, mtime]);
      if (Deno.build.os === "windows") continue;
      assert.equal(stats.mode! & 0o077 & ~mode, 0, "others have no right that the source did not give them");
      assert.equal(stats.mode! & 0o100, mode & 0o100, "its owner may execute it as before");
      assert(stats.blocks! * 512 < MIB, `${stats.blocks} blocks`);
    }
  }
});
