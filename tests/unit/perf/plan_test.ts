import assert from "node:assert/strict";
import { type Options, parseOptions, plan, type Transfer } from "../../../perf/plan.ts";
import { SCENARIOS, SMOKE_BYTES } from "../../../perf/scenarios.ts";

function parse(args: readonly string[]): Options {
  const options = parseOptions(args);
  assert.notEqual(options, "help");
  return options as Options;
}

function words({ scenario, place, contestant }: Transfer): string {
  return `${place} ${scenario.name} ${contestant}`;
}

Deno.test("plan without options selects every scenario at every place that every machine has", () => {
  const transfers = plan(parse([]));
  for (const { name, sizes } of SCENARIOS) {
    const places = new Set(transfers.filter(({ scenario }) => scenario.name === name).map(({ place }) => place));
    const expected = Object.keys(sizes).filter((place) => place !== "lab" && place !== "veth");
    assert.deepEqual([...places].sort(), expected.sort(), name);
  }
  assert.ok(transfers.every(({ runs, place }) => runs === (place === "simulated" ? 3 : 1)));
});

Deno.test("plan adds the reverse direction and all rivals on loopback, and only QUIC through the relay", () => {
  const transfers = plan(parse(["--only", "wan-10", "--place", "relay,simulated"]));
  assert.deepEqual(transfers.map(words), ["simulated wan-10 send", "relay wan-10 send", "relay wan-10 quic"]);
  const loopback = plan(parse(["--only", "loop"])).map(({ contestant }) => contestant);
  assert.deepEqual(loopback, ["send", "get", "tcp", "quic"]);
  const alone = plan(parse(["--only", "loop", "--rivals", "none"])).map(({ contestant }) => contestant);
  assert.deepEqual(alone, ["send", "get"]);
});

Deno.test("plan measures like loopback between network namespaces, under a name of its own for another MTU", () => {
  const usual = plan(parse(["--place", "veth"]));
  assert.deepEqual(usual.map(words), ["veth veth send", "veth veth get", "veth veth tcp", "veth veth quic"]);
  assert.deepEqual(usual.map(({ runs }) => runs), [3, 3, 3, 3]);
  const [other] = plan(parse(["--place", "veth", "--mtu", "9000"]));
  assert.deepEqual(other!.scenario.name, "veth-9000");
  assert.match(other!.scenario.about, /MTU 9000/);
});

Deno.test("plan uses the given size and number of runs", () => {
  for (const { sizeBytes, runs } of plan(parse(["--size", "2.5", "--runs", "5"]))) {
    assert.deepEqual([sizeBytes, runs], [2_500_000, 5]);
  }
  for (const { sizeBytes, runs } of plan(parse(["--smoke", "--runs", "5"]))) {
    assert.deepEqual([sizeBytes, runs], [SMOKE_BYTES, 1]);
  }
});

Deno.test("parseOptions reads a lab", () => {
  const lab = {
    clientPrefix: ["ip", "netns", "exec", "a"],
    serverPrefix: ["ip", "netns", "exec", "b"],
    serverHost: "10.1.2.3",
    up: ["make-link", "{}"],
    down: undefined,
  };
  const args = ["--server-host", "10.1.2.3", "--lab-up", "make-link {}"];
  const prefixes = ["--client-prefix", "ip netns exec a", "--server-prefix", " ip netns  exec b"];
  assert.deepEqual(parse([...args, ...prefixes]).lab, lab);
  assert.deepEqual(
    plan(parse([...args, "--place", "lab", "--only", "wan-20"])).map(words),
    ["lab wan-20 send", "lab wan-20 tcp", "lab wan-20 quic"],
  );
});

Deno.test("parseOptions splits commands at spaces outside of quotes", () => {
  const { lab } = parse(["--server-host", "::1", "--client-prefix", `"/a b/run" --flag "" x`]);
  assert.deepEqual(lab!.clientPrefix, ["/a b/run", "--flag", "", "x"]);
});

Deno.test("parseOptions and plan reject usage errors", () => {
  const wrong: readonly [readonly string[], RegExp][] = [
    [["--place", "moon"], /"moon" is not one of simulated, loopback, relay, veth, lab/],
    [["--busy", "some"], /--busy takes a whole number from 0 to \d+, not "some"/],
    [["--busy", "1", "--update-baseline"], /a busy machine makes no baseline/],
    [["--mtu", "100"], /--mtu takes a whole number from 1280 to 65535/],
    [["--rivals", "sctp"], /"sctp" is not one of tcp, quic/],
    [["--size", "0"], /--size takes a number above 0/],
    [["--runs", "many"], /--runs takes a number above 0/],
    [["--place", "lab"], /--server-host/],
    [["--only", "nothing"], /"nothing"/],
    [["--place", "lab", "--server-host", "10.0.0.1"], /--lab-up/],
    [["--faster"], /--faster/],
  ];
  for (const [args, message] of wrong) assert.throws(() => plan(parse(args)), message, args.join(" "));
  assert.equal(parseOptions(["--help"]), "help");
});
