import assert from "node:assert/strict";
import { Random } from "../../../base/random.ts";
import { nowUs } from "../../../io/clock.ts";
import { LinkDriver } from "../../../io/link_driver.ts";
import type { Delivery } from "../../../netem/delivery.ts";
import type { LinkOptions } from "../../../netem/link.ts";

/** A driver, and what it delivers: the first byte and the route. */
function makeDriver(link: LinkOptions, pollBelowUs = 0): { driver: LinkDriver<string>; delivered: [number, string][] } {
  const delivered: [number, string][] = [];
  const deliver = ({ bytes, route, arrivalUs }: Delivery<string>): void => {
    assert.ok(nowUs() >= arrivalUs, "it is never early");
    delivered.push([bytes[0]!, route!]);
  };
  return { driver: new LinkDriver({ link, random: new Random(1), deliver, pollBelowUs }), delivered };
}

async function drained(driver: LinkDriver<string>): Promise<void> {
  while (driver.inTransit > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("LinkDriver.send delivers before it returns if the link has no delay", () => {
  const { driver, delivered } = makeDriver({});
  driver.send(Uint8Array.of(1), "a");
  driver.send(Uint8Array.of(2), "b");
  assert.deepEqual(delivered, [[1, "a"], [2, "b"]]);
  assert.deepEqual([driver.inTransit, driver.inTransitBytes], [0, 0]);
});

for (const pollBelowUs of [0, 100_000]) {
  const how = pollBelowUs === 0 ? "by a timer" : "by polling";
  Deno.test(`LinkDriver delivers ${how} what its link delivers, a copy, with its route`, async () => {
    const { driver, delivered } = makeDriver(
      // A tenth of a second for each: the third finds the queue full however slowly this test runs until then.
      { delayUs: 3_000, rateBitsPerSecond: 8e4, queueBytes: 2_000 },
      pollBelowUs,
    );
    const buffer = new Uint8Array(1_000);
    for (const first of [1, 2, 3]) driver.send(buffer.fill(first), `route ${first}`);
    assert.deepEqual([driver.inTransit, driver.inTransitBytes, delivered.length], [2, 2 * 2_048, 0]);
    await drained(driver);
    assert.deepEqual(delivered, [[1, "route 1"], [2, "route 2"]]);
    assert.equal(driver.stats.queueDropped, 1);
    assert.equal(driver.inTransitBytes, 0);
  });
}

Deno.test("LinkDriver delivers first what arrives first, though a timer was set for a later one", async () => {
  const { driver, delivered } = makeDriver({ delayUs: 1_000, reorder: { probability: 0.5, extraDelayUs: 60_000 } });
  for (let first = 0; first < 20; first++) driver.send(Uint8Array.of(first), "");
  await drained(driver);
  const order = delivered.map(([first]) => first);
  const { reordered } = driver.stats;
  assert.ok(reordered > 0 && reordered < 20, `${reordered}`);
  assert.notDeepEqual(order, order.toSorted((a, b) => a - b));
  assert.deepEqual(order.toSorted((a, b) => a - b), Array.from({ length: 20 }, (_, first) => first));
});

Deno.test("LinkDriver keeps a datagram's bytes until the promise of its delivery has resolved", async () => {
  const sent = Promise.withResolvers<void>();
  const driver = new LinkDriver<number>({ link: {}, random: new Random(1), deliver: () => sent.promise });
  driver.send(Uint8Array.of(1), 0);
  assert.deepEqual([driver.inTransit, driver.inTransitBytes], [0, 256]);
  sent.resolve();
  await sent.promise;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(driver.inTransitBytes, 0);
});

Deno.test("LinkDriver.close drops what is in transit and stops the timer", async () => {
  const { driver, delivered } = makeDriver({ delayUs: 2_000 });
  driver.send(Uint8Array.of(1), "");
  driver.close();
  assert.deepEqual([driver.inTransit, driver.inTransitBytes], [0, 0]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(delivered, []);
});
