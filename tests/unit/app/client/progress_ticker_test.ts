import assert from "node:assert/strict";
import { PROGRESS_INTERVAL_US, ProgressTicker } from "../../../../app/client/progress_ticker.ts";

/** A ticker with a timer that only the test lets fire. */
function make() {
  let setUs: number | undefined;
  let action = () => {};
  const ticker = new ProgressTicker({
    timer: (given) => {
      action = given;
      return { set: (delayUs) => setUs = delayUs, clear: () => setUs = undefined };
    },
  });
  const fire = (): void => {
    assert.equal(setUs, PROGRESS_INTERVAL_US);
    setUs = undefined;
    action();
  };
  return { ticker, fire, isSet: () => setUs !== undefined };
}

Deno.test("ProgressTicker lets all report, as long as there are any", () => {
  const { ticker, fire, isSet } = make();
  assert.equal(isSet(), false);
  const heard: string[] = [];
  const [one, two] = [() => void heard.push("one"), () => void heard.push("two")];
  ticker.add(one);
  ticker.add(two);
  fire();
  ticker.remove(one);
  ticker.remove(one);
  fire();
  assert.deepEqual(heard, ["one", "two", "two"]);
  ticker.remove(two);
  assert.equal(isSet(), false);
  ticker.add(one);
  fire();
  assert.deepEqual(heard, ["one", "two", "two", "one"]);
});

Deno.test("ProgressTicker stops when the last one ends while it reports", () => {
  const { ticker, fire, isSet } = make();
  const report = () => ticker.remove(report);
  ticker.add(report);
  fire();
  assert.equal(isSet(), false);
});
