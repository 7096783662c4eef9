import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** `Secret.reveal()` is the one door out of a secret. These files hand it to its destination; no other file may. */
const mayReveal = [
  'src/storage/keyring.ts',
  'src/storage/secrets/envelope.ts',
  'src/storage/secrets/file-keys.ts',
  'src/storage/secrets/approle-login.ts',
  'src/storage/secrets/vault-client.ts',
  'src/audit/fingerprint.ts',
  'src/exchange/authorization-server.ts',
  'src/exchange/client-authentication.ts',
  'src/exchange/flavours/installation.ts',
  'src/exchange/providers/call.ts',
  'src/exchange/revocable.ts',
  'src/exchange/probe.ts',
  'src/exchange/subject-source.ts',
  'src/identity/session/sid.ts',
  'src/identity/capability.ts',
  'src/egress/inject.ts',
  'src/egress/leak/needles.ts',
  'src/mcp/client/list.ts',
  'src/mcp/digest.ts',
  'src/storage/seal.ts',
  'src/signin/clients/registration.ts',
  'src/signin/login/openid.ts',
  'src/signin/keys.ts',
  'src/signin/token/handles.ts',
]

/** Tables: longer than 250 code lines by nature, with a row of as many cells as it needs. */
const tables = ['src/model/errors/table.ts', 'src/console/doctor/catalogue.ts']

/** Lists of defaults: each `??` counts as a branch, and none is one to a reader. */
const defaults = ['src/config/expand*.ts']

/** Files that may read the environment: configuration and the rim of the process. */
const mayReadEnvironment = ['src/config/**', 'src/cli*.ts', 'src/main.ts']

/** Who may open sockets outwards: the one dialler, and the command line's client of sallyport's own /v1. */
const mayDial = ['src/egress/**', 'src/console/client.ts']

/** Files that may use the global `fetch`: the shim that imports nothing, and the command line that calls its own service. */
const mayFetch = ['src/fetch.ts', 'src/cli*.ts']

const ban = (selector, message) => ({ selector, message })

const always = [
  ban('ExportDefaultDeclaration', 'A default export has no name to search for: export by name.'),
  ban(
    ':matches(TSAsExpression, TSTypeAssertion) TSTypeReference[typeName.name=/^(Permit|Recorded)$/]',
    'A Permit comes from decide and a Recorded from the audit writer. A cast forges one.',
  ),
  ban(
    "ImportSpecifier[imported.name='env']",
    'The environment is read by src/config and the command line; pass values in.',
  ),
]
const clock = [
  ban(
    "NewExpression[callee.name='Date'][arguments.length=0]",
    'Take the Clock as an argument; only wire.ts reads the time.',
  ),
]
const reveal = [
  ban(
    "MemberExpression[property.name='reveal']",
    'reveal() only where a secret leaves for its destination: see mayReveal in eslint.config.js.',
  ),
]
const faces = [
  ban(
    "ExportAllDeclaration[exportKind='value']",
    'The face of a room lists its names, so that nothing slips out.',
  ),
  ban(
    "ExportNamedDeclaration[exportKind='value'] > ExportSpecifier[exportKind='value'][local.name=/^(Permit|Recorded)$/]",
    'Other rooms know Permit and Recorded as types only: export type.',
  ),
]

const environment = {
  object: 'process',
  property: 'env',
  message: 'The environment is read by src/config and the command line; pass values in.',
}
const clocks = [
  { object: 'Date', property: 'now', message: 'Take the Clock as an argument; only wire.ts reads the time.' },
  { object: 'Math', property: 'random', message: 'Take randomness as an argument; only wire.ts makes it.' },
]

const socket = 'Outbound sockets belong to egress/dial.ts: take a GuardedFetch.'
const sockets = [
  { name: 'node:http', importNames: ['default', 'request', 'get', 'Agent'], message: socket },
  { name: 'node:https', message: socket, allowTypeImports: true },
  { name: 'node:http2', message: socket, allowTypeImports: true },
  { name: 'node:net', importNames: ['default', 'connect', 'createConnection'], message: socket },
  { name: 'node:tls', message: socket, allowTypeImports: true },
]

export default defineConfig(
  { ignores: ['dist/**', 'coverage/**', 'node_modules/**', 'docs/reference/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A synchronous driver of an asynchronous interface (SQLite, memory) has nothing to await.
      '@typescript-eslint/require-await': 'off',
      // Objects of functions are closures here, not classes: taking one apart is safe.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      eqeqeq: 'error',
      'no-eval': 'error',
      'no-param-reassign': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-globals': ['error', { name: 'fetch', message: socket }],
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-restricted-imports': ['error', { paths: sockets }],
      'no-restricted-properties': ['error', environment, ...clocks],
      'no-restricted-syntax': ['error', ...always, ...clock, ...reveal],
      complexity: ['error', 15],
      'max-params': ['error', 4],
      'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/*/index.ts'],
    ignores: ['src/model/index.ts'],
    rules: { 'no-restricted-syntax': ['error', ...always, ...clock, ...reveal, ...faces] },
  },
  { files: mayReveal, rules: { 'no-restricted-syntax': ['error', ...always, ...clock] } },
  { files: mayReadEnvironment, rules: { 'no-restricted-properties': ['error', ...clocks] } },
  { files: mayFetch, rules: { 'no-restricted-globals': 'off' } },
  { files: tables, rules: { 'max-lines': 'off', 'max-params': 'off' } },
  { files: defaults, rules: { complexity: 'off' } },
  { files: mayDial, rules: { '@typescript-eslint/no-restricted-imports': 'off' } },
  {
    files: ['src/wire.ts'],
    rules: {
      'no-restricted-properties': ['error', environment],
      'no-restricted-syntax': ['error', ...always, ...reveal],
    },
  },
  {
    // The command line prints: that is its work.
    files: ['src/cli*.ts', 'src/main.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Answers off the wire are read as they come, and a test that is wrong about them fails.
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
)
