/**
 * The style sheet of a report. Colours are told apart by people who see few of them, and lines by their dashes too;
 * what is drawn has at least 3:1 against its ground, text 4.5:1. On paper the page is light.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --panel: #ffffff; --ink: #1b2430; --dim: #56616f; --line: #d5dae1; --grid: #e6e9ee;
  --link: #0b5a94; --good: #17653a; --bad: #a3231c; --bad-ground: #fce8e6; --code: #eef1f4;
  --s0: #59636e; --s1: #8a6d00; --s2: #a2408f; --s3: #00795c; --s4: #c2540a; --s5: #2b82b8; --s6: #0b4f8a; --s7: #b3261e;
  --builder: #d55e00; --same: #009371; --other: #0072b2; --hot: #7d8590;
  --h0: #edf1f5; --h1: #d5e3ef; --h2: #b3d0e8; --h3: #86b6db; --h4: #5598c9; --h5: #2b79b3; --h6: #105a95; --h7: #083a6b;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #12171d; --panel: #1a2129; --ink: #e6eaef; --dim: #a3afbc; --line: #36414c; --grid: #2a333d;
    --link: #7cc0f5; --good: #83d6a3; --bad: #ff9e95; --bad-ground: #44201e; --code: #222b35;
    --s0: #a9b4c0; --s1: #e0b93f; --s2: #e08fd0; --s3: #3fcf9f; --s4: #ff9a52; --s5: #5fb4ea; --s6: #b5deff; --s7: #ff8a80;
    --builder: #f5803e; --same: #2fbf95; --other: #4ba3e3; --hot: #8b95a1;
    --h0: #202b36; --h1: #23405a; --h2: #24577f; --h3: #2a70a6; --h4: #3f8cc9; --h5: #6aaee6; --h6: #9ccdf6; --h7: #d6ecff;
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", sans-serif; }
body { margin: 0; background: var(--ground); color: var(--ink); }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1.5rem; }
footer { padding: 1.5rem 1.25rem 2.5rem; color: var(--dim); font-size: 0.87rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.1rem 0 0.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; line-height: 1.3; margin: 2.25rem 0 0.3rem; }
h3 { font-size: 1rem; margin: 0 0 0.25rem; overflow-wrap: anywhere; }
p { margin: 0.4rem 0; max-width: 52rem; overflow-wrap: anywhere; }
.kind { color: var(--dim); margin: 0; font-size: 0.87rem; }
.lead { font-size: 1.07rem; }
.dim, figcaption { color: var(--dim); }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
code { font: 0.87em ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace; background: var(--code); padding: 0.1em 0.35em; border-radius: 3px; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem; margin: 1rem 0 0; }
.facts div { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.6rem 0.8rem; min-width: 0; }
.facts dt { color: var(--dim); font-size: 0.82rem; }
.facts dd { margin: 0; font-size: 1.3rem; font-weight: 600; line-height: 1.3; overflow-wrap: anywhere; }
.facts small { display: block; font-size: 0.82rem; font-weight: 400; color: var(--dim); }
.problem { background: var(--bad-ground); border-left: 4px solid var(--bad); border-radius: 4px; padding: 0.6rem 1rem; margin: 1rem 0; }
.problem h2 { margin: 0; }
.problem ul { margin: 0.3rem 0; padding-left: 1.2rem; }
.meanings { margin: 0.5rem 0; display: grid; gap: 0.5rem; }
.meanings div { display: grid; grid-template-columns: 13rem 1fr; gap: 0 1rem; }
.meanings dt { font-weight: 600; overflow-wrap: anywhere; }
.meanings dd { margin: 0; max-width: 48rem; }
.table { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; margin: 0.6rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.4rem 0.55rem; text-align: right; vertical-align: top; white-space: nowrap; border-top: 1px solid var(--line); }
thead th { font-weight: 600; color: var(--dim); border-top: 0; vertical-align: bottom; font-size: 0.87rem; }
thead .group { text-align: center; padding-bottom: 0; }
th:first-child, td.text, th.text { text-align: left; }
th:first-child { padding-left: 0.8rem; }
td:last-child { padding-right: 0.8rem; }
tbody th { font-weight: 600; white-space: normal; min-width: 8rem; }
td.text { white-space: normal; min-width: 15rem; }
th small { color: var(--dim); font-weight: 400; font-size: 0.85rem; }
th .more, td small { display: block; color: var(--dim); font-size: 0.82rem; }
td ul { margin: 0; padding-left: 1rem; }
.slow table { table-layout: fixed; min-width: 44rem; }
.slow th:nth-child(1) { width: 24%; } .slow th:nth-child(2) { width: 12%; } .slow th:nth-child(3), .slow th:nth-child(4) { width: 10%; }
.none td, .none th { color: var(--dim); font-weight: 400; }
.edge { border-left: 1px solid var(--line); }
figure { margin: 0.6rem 0; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.7rem 0.8rem; min-width: 0; }
figcaption { font-size: 0.87rem; }
.many { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20.5rem, 100%), 1fr)); gap: 0.75rem; margin: 0.6rem 0; }
.many figure { margin: 0; }
.plot { display: block; width: 100%; height: auto; font-family: inherit; }
.narrow { display: none; max-width: 34rem; }
.key { display: flex; flex-wrap: wrap; align-items: center; gap: 0.2rem 1.1rem; list-style: none; padding: 0; margin: 0.4rem 0; font-size: 0.9rem; }
.swatch { display: inline-block; width: 0.9rem; height: 0.9rem; border-radius: 3px; margin-right: 0.4rem; vertical-align: -0.1rem; }
.heats { gap: 0.5rem; }
.steps { display: inline-flex; border: 1px solid var(--line); }
.heat { width: 1.5rem; height: 0.9rem; }
.o-builder { background: var(--builder); fill: var(--builder); }
.o-sameRack { background: var(--same); fill: var(--same); }
.o-otherRack { background: var(--other); fill: var(--other); }
.o-localHot { background: var(--hot); fill: var(--hot); }
.h0 { background: var(--h0); fill: var(--h0); } .h1 { background: var(--h1); fill: var(--h1); }
.h2 { background: var(--h2); fill: var(--h2); } .h3 { background: var(--h3); fill: var(--h3); }
.h4 { background: var(--h4); fill: var(--h4); } .h5 { background: var(--h5); fill: var(--h5); }
.h6 { background: var(--h6); fill: var(--h6); } .h7 { background: var(--h7); fill: var(--h7); }
.s0 { --own: var(--s0); } .s1 { --own: var(--s1); --dash: 7 3; } .s2 { --own: var(--s2); --dash: 2 2.5; }
.s3 { --own: var(--s3); --dash: 9 3 2 3; } .s4 { --own: var(--s4); --dash: 14 3; } .s5 { --own: var(--s5); --dash: 5 2.5; }
.s6 { --own: var(--s6); } .s7 { --own: var(--s7); --dash: 2 2 6 2; }
svg text { fill: var(--ink); font-size: 13px; }
svg .tick, svg .direct { font-size: 12px; }
svg .tick, svg .axis { fill: var(--dim); }
svg .axis { font-size: 12.5px; }
.grid { stroke: var(--grid); stroke-width: 1; fill: none; }
.curve { fill: none; stroke: var(--own); stroke-width: 2; stroke-dasharray: var(--dash, none); stroke-linejoin: round; }
.curve.own { stroke-width: 3.2; }
.curve:hover { stroke-width: 4.5; }
.range { stroke: var(--own); stroke-width: 3; opacity: 0.55; }
.mark { stroke: var(--own); stroke-width: 2.5; }
.dot { fill: var(--own); stroke: var(--panel); stroke-width: 1.5; }
.bound { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 4 4; fill: none; }
.halo { paint-order: stroke; stroke: var(--panel); stroke-width: 4px; stroke-linejoin: round; }
.layer { stroke: var(--panel); stroke-width: 1; stroke-linejoin: round; }
.touch { fill: transparent; }
.touch:hover { fill: none; stroke: var(--ink); stroke-width: 1.5; pointer-events: all; }
@media (max-width: 800px) {
  .wide { display: none; }
  .narrow { display: block; }
  .meanings div { grid-template-columns: 1fr; }
  header, main { padding: 0 0.9rem; }
  header { padding-top: 1rem; }
}
@media print {
  @page { size: A4; margin: 14mm 12mm; }
  :root { color-scheme: light; }
  html { font-size: 11px; background: #ffffff; }
  body { background: none; }
  header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  .wide { display: block; }
  .narrow { display: none; }
  .many { grid-template-columns: repeat(2, 1fr); }
  .meanings div { grid-template-columns: 11rem 1fr; }
  .meanings dd { max-width: none; }
  .facts { grid-template-columns: repeat(5, 1fr); }
  .table { overflow: visible; }
  .slow table { min-width: 0; }
  table { font-size: 0.84rem; }
  .summary th, .summary td { padding: 0.3rem 0.2rem; font-size: 0.8rem; }
  th, td { padding: 0.3rem 0.3rem; }
  tbody th { min-width: 0; }
  figure, tr, .meanings div, .facts div { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .swatch, .heat, .problem { print-color-adjust: exact; }
}
`
