import assert from "node:assert/strict";
import { type ByteChannel, receiveFile, sendFile } from "../../../perf/plain_copy.ts";

/** Two channels that are connected: what is written to one is read from the other, in pieces of `pieceBytes`. */
function channelPair(pieceBytes: number, damage = (_bytes: Uint8Array) => {}): [ByteChannel, ByteChannel] {
  const [a, b] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()];
  const channel = (readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>): ByteChannel => {
    const reader = readable.getReader();
    const writer = writable.getWriter();
    return {
      read: async () => (await reader.read()).value,
      write: async (bytes) => {
        for (let at = 0; at < bytes.length; at += pieceBytes) {
          const piece = bytes.slice(at, at + pieceBytes);
          damage(piece);
          await writer.write(piece);
        }
      },
    };
  };
  return [channel(a.readable, b.writable), channel(b.readable, a.writable)];
}

Deno.test("sendFile and receiveFile transfer a file of any size in pieces of any size", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const [sizeBytes, pieceBytes] of [[0, 100], [1, 1], [1000, 7], [700_000, 65_536]] as const) {
      const bytes = new Uint8Array(sizeBytes).map((_, at) => at % 251);
      await Deno.writeFile(`${folder}/from`, bytes);
      const [near, far] = channelPair(pieceBytes);
      let begun = 0;
      await Promise.all([sendFile(near, `${folder}/from`), receiveFile(far, `${folder}/to`, () => begun++)]);
      assert.deepEqual(await Deno.readFile(`${folder}/to`), bytes);
      assert.equal(begun, 1);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sendFile and receiveFile both fail if a byte was changed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/from`, new Uint8Array(1000).fill(5));
    const [near, far] = channelPair(100, (piece) => {
      if (piece.length === 100) piece[50] = 6;
    });
    const [sent, received] = await Promise.allSettled([
      sendFile(near, `${folder}/from`),
      receiveFile(far, `${folder}/to`, () => {}),
    ]);
    assert.deepEqual([sent.status, received.status], ["rejected", "rejected"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
