/** Whether the arguments call for a hook: its word comes first, but for options that every command takes. */
export function isHookCall(argv: readonly string[]): boolean {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!
    if (word === '--home') at++
    else if (word !== '--json' && !word.startsWith('--home='))
      return word === 'hook' && !asksForHelp(argv.slice(at + 1))
  }
  return false
}

function asksForHelp(rest: readonly string[]): boolean {
  return rest.length === 0 || rest[0] === '--help' || rest[0] === '-h'
}
