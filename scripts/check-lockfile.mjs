/**
 * What is installed is what was reviewed: exact versions, no package that runs a script while installing, no
 * registry written into the lockfile, no path of somebody's machine in a tracked file. Needs nothing but Node.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const problems = []
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const exact = /^(npm:(@[\w.-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/

for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
  for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
    if (!exact.test(version))
      problems.push(`package.json: ${kind}.${name} is "${version}", not an exact version`)
    if (lock.packages['']?.[kind]?.[name] !== version)
      problems.push(`package-lock.json: ${kind}.${name} differs from package.json; run npm install`)
  }
}
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '') continue
  if (entry.hasInstallScript) problems.push(`package-lock.json: ${path} runs a script while installing`)
  if (entry.resolved !== undefined) problems.push(`package-lock.json: ${path} names the place it came from`)
  if (entry.integrity === undefined && !entry.link && !entry.inBundle)
    problems.push(`package-lock.json: ${path} has no integrity hash`)
}

/** Where Node would find `name` from `path`, innermost folder first. */
function isLocked(path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`] !== undefined) return true
    if (at === '') return false
  }
}
// npm ci refuses a lockfile without the optional packages of other platforms, which npm install can leave out.
for (const [path, { dependencies, optionalDependencies }] of Object.entries(lock.packages)) {
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies }))
    if (!isLocked(path, name))
      problems.push(`package-lock.json: ${name}, which ${path || 'this package'} needs, is missing`)
}

// Paths inside the image, where the home of root is the same everywhere.
const imageFiles = ['Dockerfile', 'scripts/deploy/image.mjs']
const machinePath = /(?<![\w.~-])\/(?:root|work|home\/\w+|Users\/\w+)\/[\w.]/
for (const file of execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' })
  .split('\0')
  .filter(Boolean)) {
  if (file === 'package-lock.json' || imageFiles.includes(file)) continue
  let text
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    continue // deleted in the work tree, or a link to a folder
  }
  if (text.includes('\0')) continue
  text.split('\n').forEach((line, at) => {
    if (machinePath.test(line)) problems.push(`${file}:${at + 1}: a path of one machine`)
  })
}

for (const problem of problems) process.stderr.write(`${problem}\n`)
process.exitCode = problems.length === 0 ? 0 : 1
