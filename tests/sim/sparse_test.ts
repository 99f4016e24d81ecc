/**
 * Files with zeros: they arrive whole, hardly anything is sent for their zeros, and what comes after them is as fast as it would
 * be without them.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { LinkOptions } from "../../netem/link.ts";
import type { ConnectionConfig } from "../../protocol/mod.ts";
import { World } from "../../sim/world.ts";
import { type Direction, MB, MBIT, PACKET_BYTES, SECOND_US } from "./scenario.ts";
import { ETHERNET_IPV4_BYTES, HEADER_BYTES } from "./goals.ts";

const MIB = 1024 * 1024;

/** A WAN with a queue of a bandwidth-delay product. */
function wan(options: { roundTripUs?: number; loss?: number } = {}): LinkOptions {
  const { roundTripUs = 50_000, loss = 0 } = options;
  return {
    rateBitsPerSecond: 100 * MBIT,
    delayUs: roundTripUs / 2,
    queueBytes: 100 * MBIT / 8 * roundTripUs / SECOND_US,
    overheadBytes: HEADER_BYTES,
    mtuBytes: ETHERNET_IPV4_BYTES,
    loss,
  };
}

/** What a transfer took. */
interface Cost {
  readonly timeUs: number;
  /** UDP payload, of both sides together, bytes. */
  readonly wireBytes: number;
  readonly allocatedBytes: number;
  readonly retransmittedBytes: number;
}

/** Transfers one file; it must arrive whole. */
async function transfer(
  kind: Direction,
  file: { sizeBytes: number; zeros?: "runs" | "all" | number },
  options: { link?: LinkOptions; config?: Partial<ConnectionConfig>; seed?: number } = {},
): Promise<Cost> {
  const { link = wan(), config = {}, seed = 1 } = options;
  const goals = [{ kind, name: "file", ...file }];
  const world = new World({ seed, up: link, down: link, config, clients: [{ goals }] });
  assert(await world.run(200 * SECOND_US), "it was not done");
  assert.equal(world.results[0]!.outcome.kind, "done");
  const client = world.statsOf(0);
  const sender = kind === "put" ? client : [...world.server.connections][0]!.stats;
  const receiver = kind === "put" ? world.server : world.clients[0]!;
  const found = receiver.disk.fileAt(receiver.pathOf("file"))!;
  const cost = {
    timeUs: world.endUs,
    wireBytes: client.bytesSent + client.bytesReceived,
    allocatedBytes: found.allocatedBytes,
    retransmittedBytes: sender.retransmittedBytes,
  };
  // This compares the content.
  await world.finish();
  return cost;
}

for (const kind of ["put", "get"] as const) {
  Deno.test(`World: a ${kind} of 8 MiB of zeros sends less than 20 KB, and takes no space`, async () => {
    const { wireBytes, allocatedBytes } = await transfer(kind, { sizeBytes: 8 * MIB, zeros: "all" });
    assert(wireBytes < 20_000, `${wireBytes} bytes`);
    assert(allocatedBytes < 16_384, `${allocatedBytes} bytes on the disk`);
  });

  Deno.test(`World: a ${kind} of 1 GiB of zeros over 100 Mbit/s and 50 ms takes 8 s and 1 MB`, async () => {
    const { timeUs, wireBytes } = await transfer(kind, { sizeBytes: 1024 * MIB, zeros: "all" });
    assert(timeUs < 8 * SECOND_US, `it took ${timeUs} us`);
    assert(wireBytes < MB, `${wireBytes} bytes`);
  });

  Deno.test(`World: a ${kind} of zeros and data in turn survives a link with every fault`, async () => {
    for (const seed of [1, 2, 3]) {
      const link = { ...wan({ loss: 0.05 }), duplicate: 0.05, corrupt: 0.02, randomWalkUs: 5000 };
      const file = { sizeBytes: 6 * MB + seed, zeros: "runs" } as const;
      const { retransmittedBytes, wireBytes } = await transfer(kind, file, { link, seed });
      assert(retransmittedBytes > 100_000, `${retransmittedBytes} bytes were retransmitted`);
      // About half of the file is data.
      assert(wireBytes < 4.5 * MB, `${wireBytes} bytes`);
    }
  });

  Deno.test(`World: a ${kind} of zeros with small windows stays within them`, async () => {
    const config = { orderedWindowBytes: 131_090, directWindowBytes: 65_536, connectionWindowBytes: 131_090 };
    const { wireBytes } = await transfer(kind, { sizeBytes: 3 * MB, zeros: "all" }, { config });
    assert(wireBytes < 100_000, `${wireBytes} bytes`);
  });

  for (const congestion of ["bbr", "cubic"] as const) {
    const config = { sendPolicy: { kind: congestion } } as const;

    Deno.test(`World: zeros do not slow down the data between them: a ${kind} with ${congestion}`, async () => {
      const sparse = await transfer(kind, { sizeBytes: 40 * MB, zeros: "runs" }, { config });
      const dense = await transfer(kind, { sizeBytes: Math.round(sparse.wireBytes * 0.97) }, { config });
      const message = `${sparse.timeUs} us, and ${dense.timeUs} us for as much data alone`;
      assert(sparse.timeUs < 1.2 * dense.timeUs + 200_000, message);
    });
  }

  Deno.test(`World: a ${kind} that begins with 9 s of zeros sends the data after them at full speed`, async () => {
    const link = wan({ roundTripUs: 300_000 });
    const zeros = 256 * MIB;
    const alone = await transfer(kind, { sizeBytes: zeros, zeros: "all" }, { link });
    const both = await transfer(kind, { sizeBytes: zeros + 12 * MB, zeros }, { link });
    const data = await transfer(kind, { sizeBytes: 12 * MB }, { link });
    assert(alone.timeUs > 9 * SECOND_US, `${alone.timeUs} us`);
    const message = `${both.timeUs} us: zeros alone ${alone.timeUs} us, data alone ${data.timeUs} us`;
    assert(both.timeUs < alone.timeUs + 1.2 * data.timeUs, message);
  });
}

Deno.test("World: a link that loses carries zeros again as zeros", async () => {
  const { wireBytes, retransmittedBytes } = await transfer("put", { sizeBytes: 256 * MIB, zeros: "all" }, {
    link: wan({ loss: 0.02 }),
  });
  assert(retransmittedBytes > 3 * MIB, `${retransmittedBytes} bytes were retransmitted`);
  assert(wireBytes < 200 * PACKET_BYTES, `${wireBytes} bytes`);
});
