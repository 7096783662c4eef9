'use strict'
/**
 * Who may import whom, from rooms.json. Type-only imports count: a room that knows another's types depends on it.
 */
const { rooms, root } = require('./rooms.json')

const names = Object.keys(rooms)
names.forEach((name, at) => {
  for (const other of rooms[name].may) {
    if (!names.slice(0, at).includes(other))
      throw new Error(`rooms.json: ${name} may not use ${other}, which is not below it`)
  }
})

const installed = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg', 'npm-unknown']
const inside = (packages) => packages.map((name) => `node_modules/${name}/`)

const forbidden = [
  { name: 'no-cycle', comment: 'A cycle has no first file to read.', from: {}, to: { circular: true } },
  {
    name: 'known-room',
    comment: 'Each folder of src is a room of rooms.json.',
    from: {},
    to: { path: '^src/[^/]+/', pathNot: `^src/(${names.join('|')})/` },
  },
  {
    name: 'through-the-face',
    comment: 'Rooms import each other through index.ts.',
    from: { path: '^src/([^/]+)/' },
    to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
  },
  {
    name: 'root-through-the-face',
    comment: 'main, wire, http and cli use rooms through index.ts.',
    from: { path: '^src/[^/]+\\.ts$' },
    to: { path: '^src/[^/]+/', pathNot: '^src/[^/]+/index\\.ts$' },
  },
  {
    name: 'fetch-stands-alone',
    comment: 'Server authors get src/fetch.ts without any dependency.',
    from: { path: '^src/fetch\\.ts$' },
    to: { path: '.' },
  },
  {
    name: 'model-without-node',
    comment: 'The words need no runtime.',
    from: { path: '^src/model/' },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'src-is-closed',
    comment: 'Nothing of src leans on tests, examples or scripts.',
    from: { path: '^src/' },
    to: { path: '^(test|examples|bench|scripts)/' },
  },
  {
    name: 'resolvable',
    comment: 'An import that resolves to nothing breaks at run time.',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'root-packages',
    comment: 'Packages that files beside the rooms may use: rooms.json, "root".',
    from: { path: '^src/[^/]+\\.ts$' },
    to: { dependencyTypes: installed, pathNot: inside(root.packages) },
  },
  ...names.flatMap((name) => [
    {
      name: `${name}-neighbours`,
      comment: `${name} may use: ${rooms[name].may.join(', ') || 'no other room'}.`,
      from: { path: `^src/${name}/` },
      to: { path: '^src/', pathNot: `^src/(${[name, ...rooms[name].may].join('|')})/` },
    },
    {
      name: `${name}-packages`,
      comment: `Packages of ${name}: ${rooms[name].packages.join(', ') || 'none'}.`,
      from: { path: `^src/${name}/` },
      to: { dependencyTypes: installed, pathNot: inside(rooms[name].packages) },
    },
  ]),
].map((rule) => ({ severity: 'error', ...rule }))

module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['sallyport-source', 'import', 'types', 'node', 'default'],
    },
  },
}
