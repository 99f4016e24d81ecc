import assert from "node:assert/strict";
import { Random } from "../../../base/random.ts";
import { bufferCost, Processor, type ProcessorOptions } from "../../../sim/processor.ts";

const OPTIONS: ProcessorOptions = { runUs: { min: 1_000, max: 10_000 }, awayUs: { min: 500, max: 20_000 } };

/** When the program is away, until a time. */
function intervals(processor: Processor, untilUs: number): [number, number][] {
  const found: [number, number][] = [];
  for (let nowUs = 0; nowUs < untilUs; nowUs++) {
    const backUs = processor.availableUs(nowUs);
    if (backUs === nowUs) continue;
    found.push([nowUs, backUs]);
    nowUs = backUs - 1;
  }
  return found;
}

Deno.test("Processor takes the program away for times within the bounds, as its seed determines", () => {
  const found = intervals(new Processor(OPTIONS, new Random(1)), 1_000_000);
  assert.ok(found.length > 50, `${found.length}`);
  let lastBackUs = 0;
  for (const [awayUs, backUs] of found) {
    assert.ok(backUs - awayUs >= 500 && backUs - awayUs <= 20_000);
    assert.ok(awayUs - lastBackUs >= 1_000 && awayUs - lastBackUs <= 10_000);
    lastBackUs = backUs;
  }
  assert.deepEqual(intervals(new Processor(OPTIONS, new Random(1)), 1_000_000), found);
  assert.notDeepEqual(intervals(new Processor(OPTIONS, new Random(2)), 1_000_000), found);
});

Deno.test("Processor.nextUs puts off a timer that is due while the program is away, and wakes it for datagrams", () => {
  const [[awayUs, backUs]] = intervals(new Processor(OPTIONS, new Random(3)), 100_000) as [[number, number]];
  const processor = new Processor(OPTIONS, new Random(3));
  assert.equal(processor.nextUs(awayUs - 1), awayUs - 1);
  assert.equal(processor.nextUs(awayUs), backUs);
  assert.equal(processor.nextUs(backUs - 1), backUs);
  assert.equal(processor.nextUs(backUs), backUs);
  assert.equal(processor.nextUs(Infinity), Infinity);
  assert.equal(processor.availableUs(awayUs), backUs);
  processor.keep(Uint8Array.of(1), "a");
  assert.equal(processor.nextUs(Infinity), backUs);
});

Deno.test("Processor keeps copies of datagrams in their order, and drops what the receive buffer cannot hold", () => {
  const receiveBufferBytes = 3 * bufferCost(1472);
  const processor = new Processor({ ...OPTIONS, receiveBufferBytes }, new Random(1));
  const datagram = new Uint8Array(1472);
  for (let n = 1; n <= 5; n++) {
    datagram[0] = n;
    processor.keep(datagram, `${n}`);
  }
  assert.equal(processor.dropped, 2);
  assert.ok(processor.hasWaiting);
  for (let n = 1; n <= 3; n++) {
    const { datagram, from } = processor.takeWaiting()!;
    assert.deepEqual([datagram[0], from], [n, `${n}`]);
  }
  assert.ok(!processor.hasWaiting);
  assert.equal(processor.takeWaiting(), undefined);
  processor.keep(datagram, "6");
  processor.keep(datagram, "7");
  assert.equal(processor.takeWaiting()?.from, "6");
  processor.clear();
  assert.ok(!processor.hasWaiting);
});

Deno.test("bufferCost counts what Linux does: 92 datagrams of 1,472 bytes fill its default buffer", () => {
  assert.equal(Math.floor(212_992 / bufferCost(1472)), 92);
  assert.equal(Math.floor(212_992 / bufferCost(50)), 277);
  assert.equal(bufferCost(8_872), 7 * bufferCost(1472));
});
