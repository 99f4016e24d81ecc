/**
 * The calls of the C library that the socket, the timers and the disk of Linux make (`batch_socket.ts`, `system_timer.ts`,
 * `native_stat.ts`), by Deno's foreign function interface.
 *
 * They are loaded with the modules of the program, which then gives up the permission to load libraries; what is loaded
 * stays callable, and Deno asks for no permission at these calls, not even for the network. A call writes wherever its
 * structures point, so whatever has this object has the process: only the socket makes such calls, and it makes all
 * structures itself, from buffers of its own. The disk's call is for open files, which Deno has permitted. Nothing here makes a pointer from a number: `memcpy` copies from errno's place
 * alone, and tells where a buffer lies by returning its first argument.
 *
 * Non-goals: other systems than Linux; processors with big-endian or 32-bit words, for which Deno is not made.
 *
 * @module
 */

/** Takes pages of memory as the system has them: buffers that the garbage collector does not move. */
type Bytes = Uint8Array<ArrayBuffer>;

/** The longest text of an error, with the zero at its end. */
const MAX_TEXT_BYTES = 128;

/** Of the waiting calls, the errno is that of another thread and cannot be read. */
const FUNCTIONS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // At most 65,507 bytes, so that 32 bits of the ssize_t suffice, and spare a bigint.
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "buffer"], result: "i32" },
  recvmmsgWaiting: {
    name: "recvmmsg",
    parameters: ["i32", "buffer", "u32", "i32", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  pollWaiting: { name: "poll", parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
  usleepWaiting: { name: "usleep", parameters: ["u32"], result: "i32", nonblocking: true },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32", optional: true },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  // What glibc calls the one of POSIX; musl has it under this name, too.
  __xpg_strerror_r: { parameters: ["i32", "buffer", "u64"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
  memcpy: { parameters: ["buffer", "pointer", "u64"], result: "u64" },
} as const satisfies Deno.ForeignLibraryInterface;

type Symbols = Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"];

/** The calls as the manual pages have them, and what is known of the last error. */
export interface LibC extends Omit<Symbols, "__errno_location" | "__xpg_strerror_r" | "memcpy"> {
  /** The error of the last call that failed, see `errno(3)`. */
  errno(): number;
  /** The system's text for an error. */
  strerror(errno: number): string;
  /** Where a buffer lies in memory. */
  addressOf(buffer: Uint8Array): bigint;
}

/** Where the C library of Linux is, the likeliest first: of glibc, of musl (Alpine and others), anywhere. */
export function libraryPaths(arch: string = Deno.build.arch): string[] {
  const folders = [`/lib/${arch}-linux-gnu/`, "/lib64/", "/usr/lib/"];
  const names = folders.map((folder) => `${folder}libc.so.6`);
  // A bare name is found by the system's search path, and needs the permission for all libraries.
  return [...names, `/lib/ld-musl-${arch}.so.1`, "libc.so.6"];
}

/** The calls, or why there are none. Never asks the user. */
export function loadLibC(paths: readonly string[] = libraryPaths()): LibC | string {
  if (Deno.build.os !== "linux") return `${Deno.build.os} has no calls for batches`;
  let isPermitted = false;
  for (const path of paths) {
    const permission = { name: "ffi", ...(path.includes("/") ? { path } : {}) } as const;
    if (Deno.permissions.querySync(permission).state !== "granted") continue;
    isPermitted = true;
    try {
      return wrap(Deno.dlopen(path, FUNCTIONS).symbols);
    } catch {
      // Another system has it elsewhere.
    }
  }
  return isPermitted ? "no C library was found" : "no permission to load the C library, --allow-ffi";
}

function wrap({ __errno_location, __xpg_strerror_r, memcpy, ...calls }: Symbols): LibC {
  const errnoAt = __errno_location();
  const errno = new Int32Array(new ArrayBuffer(4));
  return {
    ...calls,
    errno() {
      memcpy(errno, errnoAt, 4n);
      return errno[0]!;
    },
    strerror(number) {
      const text = new Uint8Array(new ArrayBuffer(MAX_TEXT_BYTES));
      __xpg_strerror_r(number, text, BigInt(MAX_TEXT_BYTES));
      return new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
    },
    addressOf: (buffer) => memcpy(buffer as Bytes, errnoAt, 0n),
  };
}

/** The calls of this machine, loaded once, or why there are none. */
export const systemLibC: LibC | string = loadLibC();
