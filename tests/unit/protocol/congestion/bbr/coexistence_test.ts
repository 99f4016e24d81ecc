import assert from "node:assert/strict";
import { CompetingBbr } from "../../../../../protocol/congestion/bbr/coexistence.ts";
import { Cubic } from "../../../../../protocol/congestion/cubic.ts";
import { FixedRate } from "../../../../../protocol/congestion/fixed_rate.ts";
import { type Flow, type FlowOptions, type LinkOptions, meanRate, runLink } from "../../../../../testing/link_model.ts";

/** Bytes per second of one Mbit/s. */
const MBIT = 125_000;
/** With a queue of one bandwidth-delay product. */
const LINK: LinkOptions = { rate: 100 * MBIT, rttUs: 50_000, queueBytes: 625_000 };

function options(link: LinkOptions, seed = 1) {
  return { maxDatagramBytes: 1_200, initialRttUs: link.rttUs, seed };
}

/** A flow with the controller under test, and a log of its times in competitive mode. */
function competitor(link: LinkOptions, more: Partial<FlowOptions> = {}) {
  const controller = new CompetingBbr(options(link));
  const log: { readonly nowUs: number; readonly isCompeting: boolean }[] = [];
  const onEvent = (nowUs: number): void => {
    if (controller.isCompeting !== (log.at(-1)?.isCompeting ?? false)) {
      log.push({ nowUs, isCompeting: controller.isCompeting });
    }
  };
  return { flow: { controller, onEvent, ...more }, log, controller };
}

function share(flow: Flow, link: LinkOptions, fromSecond: number, toSecond: number): number {
  return meanRate(flow, { fromSecond, toSecond }) / link.rate;
}

Deno.test("CompetingBbr leaves TCP CUBIC its share, whichever flow starts first", () => {
  for (const [ownStartUs, otherStartUs] of [[0, 0], [0, 3_000_000], [3_000_000, 0]] as const) {
    const { flow, log } = competitor(LINK, { startUs: ownStartUs });
    const other = { controller: new Cubic(options(LINK)), startUs: otherStartUs };
    const [own, cubic] = runLink(LINK, [flow, other], 63_000_000);
    assert.ok(log.length > 0, "competitive mode was entered");
    assert.ok(share(own!, LINK, 3, 63) >= 0.33, `${share(own!, LINK, 3, 63)}`);
    // BBR without competitive mode leaves it a tenth to a sixth.
    assert.ok(share(cubic!, LINK, 3, 63) >= 0.2, `${share(cubic!, LINK, 3, 63)}`);
    assert.ok(share(own!, LINK, 3, 63) + share(cubic!, LINK, 3, 63) >= 0.97);
  }
});

Deno.test("CompetingBbr behaves like BBR if it is alone", () => {
  const links: readonly LinkOptions[] = [
    LINK,
    { ...LINK, queueBytes: 150_000 },
    { ...LINK, loss: 0.1 },
    { ...LINK, ackEveryUs: 10_000 },
  ];
  for (const link of links) {
    const { flow, log } = competitor(link);
    runLink(link, [flow], 20_000_000);
    assert.deepEqual(log, [], JSON.stringify(link));
  }
});

Deno.test("CompetingBbr fills the link again, and keeps the queue empty, when the other flow has ended", () => {
  const { flow, controller, log } = competitor(LINK);
  const hasData = (nowUs: number): boolean => nowUs < 15_000_000;
  const [own] = runLink(LINK, [flow, { controller: new Cubic(options(LINK)), hasData }], 50_000_000);
  assert.ok(log.length > 0);
  assert.equal(controller.isCompeting, false);
  assert.ok(share(own!, LINK, 20, 50) >= 0.95, `${share(own!, LINK, 20, 50)}`);
});

Deno.test("CompetingBbr does not yield to a flow that never yields", () => {
  const { flow, log } = competitor(LINK);
  const stubborn = new FixedRate(options(LINK), { rateBytesPerSecond: 0.8 * LINK.rate });
  const others = [{ controller: new Cubic(options(LINK)) }, { controller: stubborn, startUs: 10_000_000 }];
  runLink(LINK, [flow, ...others], 30_000_000);
  const afterwards = log.filter(({ nowUs }) => nowUs > 10_000_000).map(({ isCompeting }) => isCompeting);
  assert.deepEqual(afterwards, [false]);
});

Deno.test("CompetingBbr fills a link whose jitter looks like a queue", () => {
  const link: LinkOptions = { ...LINK, jitterUs: 10_000 };
  const [own] = runLink(link, [competitor(link).flow], 20_000_000);
  assert.ok(share(own!, link, 2, 20) >= 0.93, `${share(own!, link, 2, 20)}`);
});

Deno.test("CompetingBbr does not use CUBIC on a link with random loss, with a queue or without", () => {
  const link: LinkOptions = { ...LINK, loss: 0.02 };
  const { flow, log } = competitor(link);
  runLink(link, [flow, { controller: new CompetingBbr(options(link, 2)), startUs: 2_000_000 }], 20_000_000);
  assert.deepEqual(log, []);
});
