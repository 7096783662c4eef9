import { createHash } from 'node:crypto'
import { Html } from './html.ts'

const sheet = `
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --card: #ffffff; --line: #d8dce2; --ink: #1b1f24; --soft: #545d68;
  --accent: #1c5d99; --accent-strong: #164a7a; --on-accent: #ffffff; --quiet: #eef1f5;
  --warn-ground: #fff5e0; --warn-line: #b7791f; --bad: #a8201a; --good: #1f6f43;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111418; --card: #1a1e24; --line: #343b45; --ink: #e8ebef; --soft: #a5afbb;
    --accent: #8fc1f0; --accent-strong: #b5d7f6; --on-accent: #0d1a26; --quiet: #242a32;
    --warn-ground: #2e2615; --warn-line: #d9a441; --bad: #ff9d94; --good: #7fd1a3;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; padding: 1.5rem 1rem 3rem; background: var(--ground); color: var(--ink); }
header, main { width: 100%; max-width: 30rem; margin-inline: auto; }
header { margin-block: 1rem 1.25rem; color: var(--soft); font-weight: 600; letter-spacing: 0.02em; }
main { padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; overflow-wrap: anywhere; }
h1 { margin: 0 0 0.75rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -0.01em; text-wrap: balance; }
h2 { margin: 0; font-size: 1.0625rem; line-height: 1.35; }
p { margin: 0 0 1rem; }
code { font: 0.875em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
a { color: var(--accent); text-underline-offset: 0.15em; }
a:hover { color: var(--accent-strong); }
.soft { color: var(--soft); }
.small { font-size: 0.875rem; }
dl { margin: 1.5rem 0; border-top: 1px solid var(--line); }
dl > div { padding-block: 0.875rem; border-bottom: 1px solid var(--line); }
dt { color: var(--soft); font-size: 0.875rem; }
dd { margin: 0.125rem 0 0; }
dd p { margin: 0; }
ul { margin: 0; padding: 0; list-style: none; }
dd li + li { margin-top: 0.5rem; }
li .small { display: block; }
.note { margin: 1.25rem 0; padding: 0.875rem 1rem; border-inline-start: 0.25rem solid var(--line); border-radius: 0.25rem; background: var(--quiet); }
.note p:last-child { margin: 0; }
.warn { border-color: var(--warn-line); background: var(--warn-ground); }
.problem { color: var(--bad); font-weight: 600; }
form { margin: 0; }
.field { margin-block: 1.5rem; }
label { display: block; font-weight: 600; }
.hint { margin: 0.125rem 0 0.5rem; color: var(--soft); font-size: 0.875rem; }
input { width: 100%; min-height: 2.75rem; padding: 0.5rem 0.75rem; border: 1px solid var(--soft); border-radius: 0.5rem; background: var(--card); color: var(--ink); font: inherit; }
input[type=radio] { width: 1.125rem; min-height: 0; height: 1.125rem; vertical-align: -0.2em; accent-color: var(--accent); }
fieldset { margin: 0; padding: 0; border: 0; }
legend { padding: 0; margin-bottom: 0.5rem; font-weight: 600; }
fieldset label { display: inline; font-weight: 400; }
.actions { display: flex; flex-direction: column; gap: 0.75rem; margin-top: 1.75rem; }
.button { display: block; width: 100%; min-height: 2.75rem; padding: 0.625rem 1rem; border: 1px solid var(--soft); border-radius: 0.5rem; background: transparent; color: var(--ink); font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer; }
.button:hover { background: var(--quiet); color: var(--ink); }
.main { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
.main:hover { border-color: var(--accent-strong); background: var(--accent-strong); color: var(--on-accent); }
.bad { border-color: var(--bad); color: var(--bad); }
.bad:hover { color: var(--bad); }
.who { text-align: start; }
.who span { display: block; color: var(--soft); font-size: 0.875rem; font-weight: 400; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.account { padding-block: 1.5rem; border-top: 1px solid var(--line); }
.account:last-child { padding-bottom: 0; }
.account dl { margin: 0.75rem 0 1rem; border: 0; }
.account dl > div { padding-block: 0.25rem; border: 0; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (min-width: 30rem) {
  .pair { display: grid; grid-template-columns: 1fr 1fr; }
  dl > div { display: grid; grid-template-columns: 8rem 1fr; gap: 1rem; }
  dt { padding-top: 0.125rem; }
  dd { margin: 0; }
  .account .button { width: auto; }
}
@media (max-width: 29.99rem) {
  body { padding: 0; background: var(--card); }
  header { margin: 0; padding: 1rem 1.25rem 0; }
  main { padding: 1.25rem; border: 0; border-radius: 0; }
}
@media (prefers-reduced-motion: no-preference) {
  .button { transition: background-color 120ms ease-out; }
}
`

/** Written into each page, so that a page is one answer, the same on every listener and in every error. */
export const style = Html.join([sheet], [])

/** The source expression by which a policy names this sheet and no other (CSP Level 3 §2.3.1). */
export const styleHash = `'sha256-${createHash('sha256').update(sheet).digest('base64')}'`
