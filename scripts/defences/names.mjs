import ts from 'typescript'

/** Names that a text uses without knowing them. No library and no import is loaded, so it is for comparing two texts. */
function unknownNames(text) {
  const source = ts.createSourceFile('it.ts', text, ts.ScriptTarget.ESNext, true)
  const host = {
    getSourceFile: (name) => (name === 'it.ts' ? source : undefined),
    getDefaultLibFileName: () => 'lib.d.ts',
    writeFile: () => {},
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (name) => name === 'it.ts',
    readFile: () => undefined,
  }
  const settings = {
    noLib: true,
    noResolve: true,
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ESNext,
  }
  const program = ts.createProgram(['it.ts'], settings, host)
  const broken = program.getSyntacticDiagnostics(source).length > 0 ? ['its syntax'] : []
  const unknown = program.getSemanticDiagnostics(source).flatMap(({ messageText }) => {
    const message = typeof messageText === 'string' ? messageText : messageText.messageText
    return /^Cannot find name '([\w$]+)'/.exec(message)?.[1] ?? []
  })
  return new Set([...broken, ...unknown])
}

/** What the changed text uses and no longer declares: such a build fails for a reason that is none of the attack's. */
export function namesItLost(before, after) {
  const known = unknownNames(before)
  return [...unknownNames(after)].filter((name) => !known.has(name) && !(name in globalThis))
}
