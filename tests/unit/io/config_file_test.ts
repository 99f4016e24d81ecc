import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { readConfigFile } from "../../../io/config_file.ts";

const env = (variables: Readonly<Record<string, string>>) => (name: string) => variables[name];

Deno.test("readConfigFile takes the file that SLUICE_CONFIG names, else that of the user, else none", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-test-" });
  try {
    const inConfig = Deno.build.os === "windows" ? `${folder}/Sluice` : `${folder}/sluice`;
    const usual = { XDG_CONFIG_HOME: folder, APPDATA: folder, HOME: `${folder}/home` };
    assert.equal(readConfigFile(env(usual)), undefined);
    assert.equal(readConfigFile(env({})), undefined);
    await Deno.mkdir(inConfig);
    await Deno.writeTextFile(`${inConfig}/config.toml`, "usual");
    await Deno.writeTextFile(`${folder}/other`, "other");
    assert.deepEqual([readConfigFile(env(usual))?.text, readConfigFile(env(usual))?.home], ["usual", `${folder}/home`]);
    assert.equal(readConfigFile(env({ ...usual, SLUICE_CONFIG: `${folder}/other` }))?.text, "other");
    assert.equal(readConfigFile(env({ ...usual, SLUICE_CONFIG: "" })), undefined);
    const fails = (file: string, message: RegExp) =>
      assert.throws(
        () => readConfigFile(env({ SLUICE_CONFIG: file })),
        (error) => error instanceof SluiceError && error.kind === "usage" && message.test(error.message),
      );
    fails(`${folder}/missing`, /missing: it does not exist; SLUICE_CONFIG names it/);
    await Deno.writeFile(`${folder}/latin`, new Uint8Array([0xe4]));
    fails(`${folder}/latin`, /latin is not valid UTF-8/);
    await Deno.writeFile(`${folder}/large`, new Uint8Array(2_000_000));
    fails(`${folder}/large`, /it is another file/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
