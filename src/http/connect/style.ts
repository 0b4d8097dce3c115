/** One sheet for all pages of the connect flow, light and dark. No fonts and no pictures from anywhere. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #16181d; --soft: #5c6370; --line: #dfe2e8; --ground: #f4f5f7; --card: #fff;
  --accent: #2f5bea; --accent-ink: #fff; --tint: #eef2ff; --bad: #b3261e; --bad-tint: #fdeeec; --good: #12784a; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef2; --soft: #9aa2b1; --line: #31353e; --ground: #121417;
  --card: #1b1e23; --accent: #7c9cff; --accent-ink: #0d1330; --tint: #232b45; --bad: #ff9c92; --bad-tint: #3a2120;
  --good: #69d29f; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; display: grid; place-items: start center; }
main { width: min(30rem, 100%); padding: min(9vh, 5rem) 1rem 3rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 1rem; padding: 2rem;
  box-shadow: 0 1px 2px #0001, 0 12px 32px -20px #0004; }
.tie { display: flex; align-items: center; justify-content: center; margin-bottom: 1.25rem; }
.tie span { width: 3.25rem; height: 3.25rem; border-radius: 0.9rem; display: grid; place-items: center;
  font-weight: 650; font-size: 1.3rem; border: 1px solid var(--line); background: var(--ground); }
.tie span:last-child { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
.tie i { width: 3rem; border-top: 2px dashed var(--line); }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 0.5rem; text-align: center; text-wrap: balance; }
p { margin: 0.5rem 0; overflow-wrap: anywhere; }
.lead { text-align: center; color: var(--soft); margin-bottom: 1.5rem; }
.lead + .lead { margin-top: -1rem; }
.card > :last-child { margin-bottom: 0; }
.address { text-align: center; margin: 0.75rem 0 1.5rem; }
.lead b { color: var(--ink); font-weight: 600; }
small, .small { font-size: 0.85rem; color: var(--soft); font-weight: 400; }
a { color: var(--accent); }
section { border-top: 1px solid var(--line); margin-top: 1.25rem; padding-top: 1.25rem; }
h2 { font-size: 0.95rem; margin: 0 0 0.5rem; }
ul { margin: 0; padding: 0; list-style: none; }
.scopes li { padding: 0.25rem 0; }
.scopes code { overflow-wrap: anywhere; }
code { font: 0.85em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--ground);
  border: 1px solid var(--line); border-radius: 0.35rem; padding: 0.1rem 0.4rem; }
.ways { display: grid; gap: 0.5rem; }
.ways a { display: block; padding: 0.65rem 0.9rem; border: 1px solid var(--line); border-radius: 0.65rem; color: inherit;
  text-decoration: none; }
.ways a:hover { border-color: var(--accent); }
.ways a[aria-current] { border-color: var(--accent); background: var(--tint); box-shadow: inset 0 0 0 1px var(--accent); }
.field { margin: 1rem 0; }
label, .label { display: block; font-weight: 550; font-size: 0.95rem; }
.about { font-size: 0.85rem; color: var(--soft); margin: 0.1rem 0 0; }
.given { color: var(--soft); }
input:not([type=checkbox]), select, textarea { width: 100%; font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: 0.6rem; padding: 0.6rem 0.75rem; margin-top: 0.35rem; }
textarea { font: 0.85rem/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; resize: vertical; }
textarea.secret { -webkit-text-security: disc; }
input[type=checkbox] { width: 1.1rem; height: 1.1rem; accent-color: var(--accent); margin: 0.2rem 0.6rem 0 0; }
.check { display: grid; grid-template-columns: auto 1fr; align-items: start; }
.check .about, .check .problem { grid-column: 2; }
[aria-invalid=true] { border-color: var(--bad) !important; }
.problem { color: var(--bad); font-size: 0.9rem; margin: 0.35rem 0 0; }
.alert { color: var(--bad); background: var(--bad-tint); border-radius: 0.65rem; padding: 0.7rem 0.9rem; margin: 0 0 1rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.buttons { display: grid; gap: 0.6rem; margin-top: 1.5rem; }
button, .button { font: inherit; font-weight: 600; text-align: center; text-decoration: none; padding: 0.75rem 1rem;
  border-radius: 0.65rem; border: 1px solid transparent; cursor: pointer; }
.go { background: var(--accent); color: var(--accent-ink); }
.go:hover { filter: brightness(1.08); }
.no { background: transparent; color: var(--soft); }
.no:hover { color: var(--ink); }
.code { display: block; text-align: center; font: 650 1.9rem/1.2 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  letter-spacing: 0.12em; padding: 1rem; margin: 1rem 0; border-radius: 0.75rem; background: var(--tint); user-select: all; }
.mark { width: 3.25rem; height: 3.25rem; margin: 0 auto 1.25rem; border-radius: 50%; display: grid; place-items: center;
  font-size: 1.6rem; color: var(--good); border: 2px solid currentColor; }
.mark.bad { color: var(--bad); }
.wait { text-align: center; color: var(--soft); }
.wait::before { content: ""; display: inline-block; width: 0.8rem; height: 0.8rem; margin-right: 0.5rem; border-radius: 50%;
  border: 2px solid var(--line); border-top-color: var(--accent); animation: turn 0.9s linear infinite; vertical-align: -0.05rem; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .wait::before { animation: none; } }
footer { text-align: center; font-size: 0.85rem; color: var(--soft); margin-top: 1.25rem; }
@media (max-width: 26rem) { .card { padding: 1.4rem 1.1rem; } }
`;
