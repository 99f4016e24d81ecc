/**
 * What the kernel counts of UDP in a network namespace, on Linux.
 *
 * @module
 */

/**
 * The datagrams that full receive buffers have dropped so far in the network namespace in which `prefix` runs a command, over
 * IPv4; undefined where the system does not say.
 */
export async function receiveDropsOf(prefix: readonly string[]): Promise<number | undefined> {
  const [command, ...args] = [...prefix, "cat", "/proc/net/snmp"];
  try {
    const { stdout } = await new Deno.Command(command!, { args, stdin: "null", stderr: "null" }).output();
    return parseReceiveDrops(new TextDecoder().decode(stdout));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The same from the text of /proc/net/snmp: a line of names and a line of values for each protocol. */
export function parseReceiveDrops(text: string): number | undefined {
  const [names, values] = text.split("\n").filter((line) => line.startsWith("Udp: ")).map((line) => line.split(" "));
  const value = values?.[names!.indexOf("RcvbufErrors")];
  return value === undefined ? undefined : Number(value);
}
