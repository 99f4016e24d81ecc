import assert from "node:assert/strict";
import { isPipe, readPipe } from "../../../io/pipes.ts";

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-test-" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function makeFifo(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(success);
}

async function readAll(source: AsyncIterable<Uint8Array>): Promise<number> {
  let sizeBytes = 0;
  for await (const bytes of source) sizeBytes += bytes.length;
  return sizeBytes;
}

const HAS_FIFOS = Deno.build.os !== "windows";

Deno.test("isPipe knows a FIFO from everything else", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "x");
    for (const path of [folder, `${folder}/file`, `${folder}/missing`]) assert.equal(isPipe(path), false);
    if (!HAS_FIFOS) return;
    await makeFifo(`${folder}/fifo`);
    assert.equal(isPipe(`${folder}/fifo`), true);
  });
});

Deno.test("readPipe waits for the writer of a FIFO, and reads up to its end", async () => {
  if (!HAS_FIFOS) return;
  await withFolder(async (folder) => {
    const path = `${folder}/fifo`;
    await makeFifo(path);
    const reading = readAll(readPipe(path));
    const script = 'for i in 1 2 3; do head -c 100000 /dev/zero; sleep 0.01; done > "$1"';
    await new Deno.Command("sh", { args: ["-c", script, "sh", path] }).output();
    assert.equal(await reading, 300_000);
  });
});

Deno.test("readPipe refuses what is no pipe any more, or not there", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "x");
    await assert.rejects(readAll(readPipe(`${folder}/file`)), { kind: "local-disk", message: /is no longer a pipe/ });
    await assert.rejects(readAll(readPipe(`${folder}/missing`)), { kind: "local-disk", message: /could not be read/ });
  });
});
