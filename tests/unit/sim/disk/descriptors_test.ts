import assert from "node:assert/strict";
import { Descriptors, FLAGS } from "../../../../sim/disk/descriptors.ts";
import { FileInode, FolderInode } from "../../../../sim/disk/inode.ts";

Deno.test("Descriptors count, and give none out twice", () => {
  const descriptors = new Descriptors();
  const file = new FileInode({ number: 3, mode: 0o644, nowMs: 0 });
  const first = descriptors.open(file, FLAGS.O_RDWR);
  const second = descriptors.open(file, FLAGS.O_RDONLY);
  assert.deepEqual([descriptors.size, file.references, descriptors.all()], [2, 2, [first, second]]);
  assert.equal(descriptors.get(first), file);
  descriptors.close(first);
  descriptors.close(first);
  assert.deepEqual([descriptors.size, file.references], [1, 1]);
  assert.throws(() => descriptors.get(first), { code: "EBADF" });
  assert.equal([first, second].includes(descriptors.open(file, FLAGS.O_RDONLY)), false);
});

Deno.test("Descriptors allow what they were opened for", () => {
  const descriptors = new Descriptors();
  const file = new FileInode({ number: 3, mode: 0o644, nowMs: 0 });
  const reader = descriptors.open(file, FLAGS.O_RDONLY | FLAGS.O_NONBLOCK | FLAGS.O_NOFOLLOW);
  const writer = descriptors.open(file, FLAGS.O_WRONLY | FLAGS.O_CREAT);
  const both = descriptors.open(file, FLAGS.O_RDWR);
  for (const descriptor of [reader, both]) assert.equal(descriptors.file(descriptor, "read"), file);
  for (const descriptor of [writer, both]) assert.equal(descriptors.file(descriptor, "write"), file);
  assert.throws(() => descriptors.file(reader, "write"), { code: "EBADF" });
  assert.throws(() => descriptors.file(writer, "read"), { code: "EBADF" });
  const folder = new FolderInode({ number: 4, mode: 0o755, nowMs: 0 });
  assert.throws(() => descriptors.open(folder, FLAGS.O_RDWR), { code: "EISDIR" });
  assert.throws(() => descriptors.file(descriptors.open(folder, FLAGS.O_RDONLY), "read"), { code: "EISDIR" });
});
