/**
 * A socket into whose traffic faults are injected (`--simulate`): it takes batches apart, and passes each datagram through a
 * simulated link, in either direction.
 *
 * @module
 */

import type { DatagramReceiver, DatagramSocket, SocketOptions } from "../app/platform.ts";
import type { NetAddress } from "../base/net_address.ts";
import { invariant } from "../base/invariant.ts";
import { describeFault, FaultInjector, type FaultInjectorOptions } from "./fault_injector.ts";

/** See the module's description. */
export class FaultySocket implements DatagramSocket {
  readonly hostname: string;
  readonly port: number;
  readonly description: string;
  readonly maxSegments = 1;
  readonly receiveBurstBytes: number;
  readonly #socket: DatagramSocket;
  readonly #faults: FaultInjector;
  #isClosed = false;
  /** Set while a caller waits for {@link drained}. */
  #drained: PromiseWithResolvers<void> | undefined;

  /** Takes over `socket`. */
  constructor(
    socket: DatagramSocket,
    { faults, onFault = () => {} }: Pick<FaultInjectorOptions, "faults"> & Pick<SocketOptions, "onFault">,
  ) {
    this.#socket = socket;
    this.hostname = socket.hostname;
    this.port = socket.port;
    this.description = `${socket.description}, with injected faults`;
    this.receiveBurstBytes = socket.receiveBurstBytes;
    this.#faults = new FaultInjector({ faults, onFault: (fault) => onFault(describeFault(fault)) });
  }

  /** Passes what the link lets through to `receiver`, until the socket is closed. */
  receiveAll(receiver: DatagramReceiver): Promise<void> {
    // What arrives with a delay does so between the batches.
    let isInBatch = false;
    return this.#socket.receiveAll({
      datagram: (bytes, remote) => {
        isInBatch = true;
        this.#faults.incoming(bytes, (faulty) => {
          if (this.#isClosed) return;
          receiver.datagram(faulty, remote);
          if (!isInBatch) receiver.batchEnded();
        });
      },
      batchEnded: () => {
        isInBatch = false;
        receiver.batchEnded();
      },
    });
  }

  /** Sends one datagram, now or later; the buffer may be reused at once. */
  send(bytes: Uint8Array, segmentBytes: number, remote: NetAddress): undefined {
    invariant(bytes.length <= segmentBytes, "a socket with faults takes one datagram at a time");
    this.#faults.outgoing(bytes, (faulty) => {
      const sending = this.#isClosed ? undefined : this.#socket.send(faulty, faulty.length, remote);
      if (sending === undefined) this.#resolveIfDrained();
      return sending?.finally(() => this.#resolveIfDrained());
    });
    return undefined;
  }

  /** Resolves when all datagrams that injected delays hold back have been sent, so that closing loses no CONNECTION_CLOSE. */
  async drained(): Promise<void> {
    this.#drained ??= Promise.withResolvers<void>();
    const { promise } = this.#drained;
    this.#resolveIfDrained();
    await promise;
    await this.#socket.drained();
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#faults.close();
    this.#socket.close();
    this.#resolveIfDrained();
  }

  #resolveIfDrained(): void {
    if (!this.#isClosed && this.#faults.outgoingInTransit > 0) return;
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
