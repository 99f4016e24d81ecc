// The completion scripts in real shells, where there are such: each loads the script of its own, and is asked as if a
// person had typed. What the shells are to show is also compared with what the program itself says.

import assert from "node:assert/strict";
import { type Finished, launchOfTask, Stage } from "../../testing/programs/programs.ts";

/** What a person has typed; the last word is being completed. */
const TYPED: readonly { readonly words: readonly string[]; readonly shown: readonly string[] }[] = [
  { words: ["se"], shown: ["send", "serve"] },
  { words: ["send", "--up"], shown: ["--update"] },
  { words: ["send", "x", "wo"], shown: ["work:"] },
  { words: ["serve", "--log-level", "w"], shown: ["warning"] },
  { words: ["send", "repo"], shown: ["report one.txt", "report.txt"] },
];

/** A folder with the program `sluice`, two files, and a config file with the server `work`. */
async function openStage() {
  const stage = await Stage.open();
  const { command, args } = await launchOfTask("list");
  await Deno.writeTextFile(stage.path("sluice"), `#!/bin/sh\nexec '${command}' ${quoted(args)} "$@"\n`, {
    mode: 0o755,
  });
  for (const file of ["report.txt", "report one.txt"]) await Deno.writeTextFile(stage.path(file), "");
  await Deno.writeTextFile(stage.path("config.toml"), '[servers.work]\naddress = "host"\n');
  const env = { SLUICE_CONFIG: stage.path("config.toml"), PATH: `${stage.folder}:${Deno.env.get("PATH")}` };
  return { stage, env };
}

function quoted(args: readonly string[]): string {
  return args.map((arg) => `'${arg}'`).join(" ");
}

/** Whether there is a program. */
async function has(command: string): Promise<boolean> {
  return await new Deno.Command(command, { args: ["--version"], stdout: "null", stderr: "null" }).output()
    .then(() => true, () => false);
}

Deno.test("the hidden completer says what the scripts are to show", async () => {
  const { stage, env } = await openStage();
  await using _ = stage;
  for (const { words, shown } of TYPED) {
    const { code, stdout, stderr } = await stage.client(["__complete", ...words], { env });
    assert.deepEqual([code, stderr], [0, ""]);
    const found = stdout.trimEnd().split("\n").map((line) => line.split("\t")[0]!);
    const own = words.at(-1) === "repo" ? [] : shown;
    assert.deepEqual(found.slice(0, -1), own, words.join(" "));
    assert.equal(found.at(-1), words[0] === "send" && !words.at(-1)!.startsWith("-") ? ":files" : ":none");
  }
});

/** How each shell is asked to show what completes the words: a program text, and what of its output is shown. */
const SHELLS: Readonly<Record<string, (script: string, words: readonly string[]) => readonly string[]>> = {
  bash: (script, words) => [
    "-c",
    `${script}
COMP_WORDS=(sluice ${
      quoted(words)
    }); COMP_CWORD=${words.length}; COMP_LINE="\${COMP_WORDS[*]}"; COMP_POINT=\${#COMP_LINE}
_sluice sluice; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  zsh: (script, words) => [
    "-f",
    "-c",
    `compdef() { :; }
_describe() { local each; for each in "\${(@P)3}"; do print -r -- "\${\${each%%:[^:]*}//\\\\:/:}"; done; }
_files() { print -rl -- \${PREFIX}*(N); }
${script}
words=(sluice ${quoted(words)}); CURRENT=${words.length + 1}; PREFIX=\${words[CURRENT]}
_sluice`,
  ],
  fish: (script, words) => ["--no-config", "-c", `${script}\ncomplete -C "sluice ${words.join(" ")}"`],
};

for (const [shell, command] of Object.entries(SHELLS)) {
  Deno.test(`the completion script of ${shell} shows what fits, where there is ${shell}`, async () => {
    const { stage, env } = await openStage();
    await using _ = stage;
    const script = (await stage.client(["completion", shell], { env })).stdout;
    assert.match(script, /__complete/);
    if (!await has(shell)) return;
    for (const { words, shown } of TYPED) {
      const launch = { command: shell, args: command(script, words) };
      const { stdout, stderr } = await stage.run(launch, [], { env }).finished();
      const lines = stdout.split("\n").map((line) => line.split("\t")[0]!.replaceAll("\\ ", " ")).filter((line) =>
        line
      );
      assert.deepEqual([lines.sort(), stderr], [[...shown], ""], `${shell}: ${words.join(" ")}`);
    }
  });
}

Deno.test("shellcheck finds nothing in the script of bash, where there is shellcheck", async () => {
  const { stage, env } = await openStage();
  await using _ = stage;
  const script = (await stage.client(["completion", "bash"], { env })).stdout;
  await Deno.writeTextFile(stage.path("completion.bash"), script);
  if (!await has("shellcheck")) return;
  const run = { command: "shellcheck", args: ["--shell=bash", "completion.bash"] };
  const { code, stdout }: Finished = await stage.run(run, [], { env }).finished();
  assert.deepEqual([code, stdout], [0, ""]);
});
