import assert from "node:assert/strict";
import { Session } from "../../../../testing/hostile/session.ts";
import { PacketType } from "../../../../protocol/wire/packet.ts";
import { decodeFrames, encodeFrames } from "../../../../testing/wire_values.ts";

Deno.test("ManInTheMiddle reads what is sealed, and passes it on without a trace", () => {
  const session = new Session();
  const serverHello = session.sayHello();
  assert.equal(session.manInTheMiddle.open(serverHello, "client")?.type, PacketType.serverHello);
  session.hearServerHello(serverHello);
  assert.equal(session.client.connection!.state, "finish-sent");
  const [clientFinish, next] = session.sayRequests();
  const opened = session.manInTheMiddle.open(clientFinish!, "server")!;
  const { error, values } = decodeFrames(opened.body);
  assert.equal(error, undefined);
  assert.equal(values[0]?.frame, "parameters");
  const { server } = session;
  server.nowUs = 30_000;
  const result = server.endpoint.handleDatagram(server.nowUs, opened.seal(opened.body), server.remote);
  assert.equal(result.kind, "new-connection");
  assert.equal(result.reason, undefined);
  const passed = session.manInTheMiddle.pass(next!, "server");
  assert.equal(server.endpoint.handleDatagram(server.nowUs, passed, server.remote).reason, undefined);
});

Deno.test("ManInTheMiddle encrypts frames of its own for either side", () => {
  const close = encodeFrames([{ frame: "close", isApplication: true, code: 3, reason: "" }]);
  for (const side of ["server", "client"] as const) {
    const features = Session.established().feed(side, close);
    assert(features.has("draining"), `${side}: ${[...features].join(", ")}`);
  }
});

Deno.test("ManInTheMiddle reads nothing that was changed on the way", () => {
  const session = new Session();
  session.hearServerHello(session.sayHello());
  const [clientFinish] = session.sayRequests();
  clientFinish![clientFinish!.length - 1]! ^= 1;
  assert.equal(session.manInTheMiddle.open(clientFinish!, "server"), undefined);
});
