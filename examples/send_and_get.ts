/**
 * Sluice as a library: starts a server, sends it a file, gets the file back.
 *
 * ```
 * deno run --allow-net --allow-read --allow-write --allow-sys=statfs examples/send_and_get.ts
 * ```
 *
 * @module
 */
// deno-lint-ignore-file no-console -- An example prints.

import path from "node:path";
import { connect, formatKey, SluiceError, startServer } from "../mod.ts";

const folder = await Deno.makeTempDir({ prefix: "sluice-example-" });
const sent = path.join(folder, "hello.txt");
const received = path.join(folder, "received.txt");
await Deno.writeTextFile(sent, "Hello over UDP.\n");

const server = await startServer({
  host: "127.0.0.1",
  port: 0, // The system chooses a free one.
  root: path.join(folder, "storage"),
  onEvent: (event) => console.log(`server: ${event.kind}`),
});
const client = await connect({ host: server.host, port: server.port, timeoutMs: 5_000 });
try {
  console.log(`connected to the server with key ${formatKey(client.serverKey!)}`);

  const report = await client.send(sent, {
    onProgress: ({ transferredBytes, totalBytes }) => console.log(`${transferredBytes} of ${totalBytes} bytes sent`),
  });
  console.log(`stored as ${report.savedAs}, SHA-256 ${report.serverSha256}`);

  for (const file of await client.list()) console.log(`on the server: ${file.name}, ${file.sizeBytes} bytes`);

  await client.get("hello.txt", { output: received });
  console.log(`received: ${(await Deno.readTextFile(received)).trim()}`);

  await client.get("missing.txt", { output: received });
} catch (error) {
  // The kind is for programs, the message for people.
  if (!(error instanceof SluiceError)) throw error;
  console.log(`${error.kind}: ${error.message}`);
} finally {
  await client.close();
  await server.stop({ graceMs: 1_000 });
  await Deno.remove(folder, { recursive: true });
}
