import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const MODULE = new URL("../../../io/start_folder.ts", import.meta.url).href;
const CONFIG = fileURLToPath(new URL("../../../deno.json", import.meta.url));

Deno.test("enterUsersFolder goes where the task was typed, and stays where no task has led", async () => {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice-test-" }));
  try {
    const [program, user, missing] = [`${folder}/program`, `${folder}/user`, `${folder}/missing`];
    await Deno.mkdir(program);
    await Deno.mkdir(user);
    await Deno.writeTextFile(
      `${folder}/script.ts`,
      `import { enterUsersFolder } from ${JSON.stringify(MODULE)};
console.log(JSON.stringify([enterUsersFolder(Deno.args[0]) ?? "", Deno.cwd()]));`,
    );
    const enter = async (cwd: string, initCwd: string, programFolder?: string) => {
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--no-check", "--no-prompt", "--config", CONFIG, "-P=client", `${folder}/script.ts`],
          ...programFolder === undefined ? [] : [programFolder],
        ],
        cwd,
        env: { INIT_CWD: initCwd, NO_COLOR: "1" },
      }).output();
      assert.notEqual(stdout.length, 0, new TextDecoder().decode(stderr));
      return JSON.parse(new TextDecoder().decode(stdout)) as string[];
    };
    assert.deepEqual(await enter(program, user, program), ["", user]);
    assert.deepEqual(await enter(user, folder, program), ["", user]);
    assert.deepEqual(await enter(program, user, missing), ["", program]);
    assert.deepEqual(await enter(program, user), ["", program]);
    assert.deepEqual(await enter(program, "", program), ["", program]);
    const [failure, where] = await enter(program, missing, program);
    assert.match(failure!, /^cannot work in .*missing: No such file/);
    assert.equal(where, program);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
