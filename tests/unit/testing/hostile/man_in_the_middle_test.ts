import assert from "node:assert/strict";
import { Meeting } from "../../../../testing/hostile/session.ts";
import { PacketType } from "../../../../protocol/wire/packet.ts";
import { decodeFrames, encodeFrames } from "../../../../testing/wire_values.ts";

Deno.test("Interceptor reads what is sealed, and passes it on as if he were not there", () => {
  const meeting = new Meeting({ isEncrypted: true });
  const retry = meeting.sayHello();
  assert.equal(meeting.interceptor.open(retry, "client")?.type, PacketType.retry);
  meeting.hearRetry(retry);
  assert.equal(meeting.client.connection!.state, "initial-sent");
  const [initial, next] = meeting.sayRequests();
  const opened = meeting.interceptor.open(initial!, "server")!;
  const { error, values } = decodeFrames(opened.body);
  assert.equal(error, undefined);
  assert.equal(values[0]?.frame, "parameters");
  const { server } = meeting;
  server.nowUs = 30_000;
  const result = server.endpoint.handleDatagram(server.nowUs, opened.seal(opened.body), server.remote);
  assert.equal(result.kind, "new-connection");
  assert.equal(result.reason, undefined);
  const passed = meeting.interceptor.pass(next!, "server");
  assert.equal(server.endpoint.handleDatagram(server.nowUs, passed, server.remote).reason, undefined);
});

Deno.test("Interceptor seals frames of his own for either side", () => {
  const close = encodeFrames([{ frame: "close", isApplication: true, code: 3, reason: "" }]);
  for (const side of ["server", "client"] as const) {
    const features = Meeting.established({ isEncrypted: true }).feed(side, close);
    assert(features.has("draining"), `${side}: ${[...features].join(", ")}`);
  }
});

Deno.test("Interceptor reads nothing that was changed on the way", () => {
  const meeting = new Meeting({ isEncrypted: true });
  meeting.hearRetry(meeting.sayHello());
  const [initial] = meeting.sayRequests();
  initial![initial!.length - 1]! ^= 1;
  assert.equal(meeting.interceptor.open(initial!, "server"), undefined);
});
