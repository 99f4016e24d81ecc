/**
 * The scripts that `sluice completion SHELL` prints. They know no command and no option: each asks the program that is being
 * typed (`completion.ts`), so that they stay right when that is updated.
 *
 * @module
 */

import { COMPLETE_COMMAND } from "./completion.ts";

/** Shells that have a script. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/** One of {@link SHELLS}. */
export type Shell = (typeof SHELLS)[number];

// Bash splits words at ":" and "=" as well, and replaces only what is behind the last of them.
const BASH = String.raw`# bash completion for sluice; to use it: source <(sluice completion bash)
_sluice() {
  local rest=$COMP_LINE paths='' prefix='' trimmed word last i
  local -a words=()
  COMPREPLY=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    trimmed=\${rest#"\${rest%%[![:space:]]*}"}
    if ((i > 0)) && [[ $trimmed == "$rest" ]]; then
      words[\${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    rest=\${trimmed#"$word"}
  done
  last=\${words[\${#words[@]} - 1]}
  if [[ $last == *[:=]* ]]; then prefix=\${last%"\${last##*[:=]}"}; fi
  while IFS=$'\t' read -r word _; do
    case $word in
      :none) ;;
      :files) paths='file' ;;
      :folders) paths='directory' ;;
      *) COMPREPLY+=("\${word#"$prefix"}") ;;
    esac
  done < <("$1" ${COMPLETE_COMMAND} "\${words[@]:1}" 2>/dev/null)
  if [[ -n $paths ]]; then
    # Only paths may be quoted as such.
    if ((\${#COMPREPLY[@]} == 0)); then compopt -o filenames 2>/dev/null; fi
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -A "$paths" -- "\${last#"$prefix"}")
  fi
  if [[ \${COMPREPLY[0]-} == *: ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _sluice sluice sluice-server`.replaceAll("\\$", "$");

const ZSH = String.raw`#compdef sluice sluice-server
# zsh completion for sluice; to use it: source <(sluice completion zsh)
_sluice() {
  local line paths
  local -a candidates
  for line in "\${(@f)$("\${words[1]}" ${COMPLETE_COMMAND} "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}"; do
    case $line in
      (:none|'') ;;
      (:files|:folders) paths=$line ;;
      (*$'\t') candidates+=("\${\${line%$'\t'}//:/\\:}") ;;
      (*) candidates+=("\${\${\${line%%$'\t'*}//:/\\:}}:\${line#*$'\t'}") ;;
    esac
  done
  if (( \${#candidates} )); then
    if [[ \${candidates[1]} == *\\::* ]]; then _describe -V sluice candidates -S ''; else _describe -V sluice candidates; fi
  fi
  if [[ $paths == :files ]]; then _files; fi
  if [[ $paths == :folders ]]; then _files -/; fi
}
if [[ \${funcstack[1]-} == _sluice ]]; then _sluice "$@"; else compdef _sluice sluice sluice-server; fi`
  .replaceAll("\\$", "$");

const FISH = `# fish completion for sluice; to use it: sluice completion fish | source
function __sluice_complete
  set -l words (commandline -opc)
  set -l last (commandline -ct)
  for line in ($words[1] ${COMPLETE_COMMAND} $words[2..-1] "$last" 2>/dev/null)
    switch $line
      case :none
      case :files
        __fish_complete_path "$last"
      case :folders
        __fish_complete_directories "$last"
      case '*'
        echo $line
    end
  end
end
complete -c sluice -f -a '(__sluice_complete)'
complete -c sluice-server -f -a '(__sluice_complete)'`;

// Before version 7.3 PowerShell passes no empty argument on.
const POWERSHELL =
  `# PowerShell completion for sluice; to use it: sluice completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName sluice, sluice-server -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition } |
      ForEach-Object { $_.ToString() })
  $program = $words[0]
  $words = @($words | Select-Object -Skip 1)
  if ($wordToComplete -eq '') { $words = @('--empty') + $words }
  foreach ($line in @(& $program ${COMPLETE_COMMAND} @words 2>$null)) {
    $word, $meaning = $line -split "\`t", 2
    if ($word -eq ':files' -or $word -eq ':folders') {
      Get-ChildItem -Path "$wordToComplete*" -Directory:($word -eq ':folders') -ErrorAction SilentlyContinue |
        ForEach-Object { [System.Management.Automation.CompletionResult]::new((Resolve-Path -Relative $_.FullName)) }
    } elseif ($word -ne ':none') {
      $shown = if ($meaning) { $meaning } else { $word }
      [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $shown)
    }
  }
}`;

/** The script of a shell. */
export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
  powershell: POWERSHELL,
};
