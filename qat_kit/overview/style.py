"""What the page looks like, over the style that all pages share."""

from __future__ import annotations

STYLE = (
    """
:root { --c0: #2563c9; --c1: #d9730d; --c2: #0f8a7e; --c3: #8250df; --c4: #bf3989; --c5: #6e7781;
  --shade: #2563c9; --wrong: #d1242f; --on: #ffffff; --shadow: 0 1px 2px rgb(27 31 36 / 8%); }
@media (prefers-color-scheme: dark) {
  :root { --c0: #6ea8fe; --c1: #ffa657; --c2: #4fd1c5; --c3: #c297ff; --c4: #ff9bce; --c5: #9aa5b0;
    --shade: #3574d4; --wrong: #e5534b; --on: #ffffff; --shadow: none; } }
* { box-sizing: border-box; }
body { font-size: 16px; max-width: 72rem; margin: 0 auto; padding: 1.25rem 1rem 4rem; }
header h1 { font-size: 1.9rem; margin: .6rem 0 .1rem; letter-spacing: -.01em; } header p { margin: .1rem 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .8rem; letter-spacing: -.005em; } h3 { font-size: 1rem; margin: 0 0 .5rem; }
h2.run { font-size: 1.6rem; border-top: 1px solid var(--line); padding-top: 2rem; margin-top: 3.5rem; }
nav { display: flex; flex-wrap: wrap; gap: .35rem .9rem; font-size: .92rem; margin: 1.1rem 0 0; }
a { color: var(--c0); text-decoration-thickness: 1px; text-underline-offset: 2px; }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--c0); outline-offset: 2px; }
.verdict { border: 1px solid var(--line); border-left: 6px solid var(--good); border-radius: 10px;
  padding: .9rem 1.1rem; background: var(--panel); box-shadow: var(--shadow); }
.verdict.failed { border-left-color: var(--bad); } .verdict p { margin: .25rem 0; }
.verdict p:first-child { font-size: 1.15rem; font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1rem 0 0; }
.tile { border: 1px solid var(--line); border-radius: 10px; padding: .75rem .95rem; background: var(--paper);
  box-shadow: var(--shadow); }
.tile .what { color: var(--faint); font-size: .85rem; } .tile .much { font-size: 1.65rem; font-weight: 650;
  letter-spacing: -.02em; font-variant-numeric: tabular-nums; line-height: 1.25; }
.tile .more { color: var(--faint); font-size: .85rem; line-height: 1.35; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 1rem; }
.small-cards { grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
.small-cards h3 { font-size: .85rem; overflow-wrap: anywhere; } .small-cards p { font-size: .8rem; }
.card { border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1rem; box-shadow: var(--shadow);
  min-width: 0; }
.card.wide { grid-column: 1 / -1; } .card p { margin: .4rem 0; font-size: .92rem; }
.wrap { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow); }
.wrap table { font-size: .9rem; } .wrap th, .wrap td { padding: .45rem .8rem; }
.wrap thead th { white-space: nowrap; font-weight: 600; } .wrap tbody tr:last-child td { border-bottom: 0; }
.whole { white-space: nowrap; } .interval { font-size: .85em; }
.chart { display: block; overflow: visible; width: 100%; height: auto; margin: 0 auto; }
.chart .label { fill: var(--faint); }
.chart text { font-size: 12px; } .chart .small { font-size: 11.5px; } .chart text.on { fill: var(--on); }
.chart text.ink { fill: var(--ink); }
.chart .rule { stroke: var(--line); stroke-width: 1; } .chart .axis { stroke: var(--edge); stroke-width: 1; }
.chart rect { stroke: none; } .chart .cell { fill: var(--shade); } .chart .cell.wrong { fill: var(--wrong); }
.chart .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke: var(--ink); }
.chart .dashed { stroke-dasharray: 5 4; } .chart .band { stroke: none; fill-opacity: .16; }
.chart .whisker { stroke-width: 1.6; opacity: .75; } .chart .dot { stroke: var(--paper); stroke-width: 1.5; }
.chart .hollow { fill: var(--paper) !important; stroke-width: 2.4; } .chart .poor { fill: var(--wrong); }
"""
    + "\n".join(f".c{number} {{ --mine: var(--c{number}); }}" for number in range(6))
    + """
.line, .whisker { stroke: var(--mine, var(--ink)) !important; } .dot, .band, .row rect.c0 { fill: var(--mine); }
.hollow { stroke: var(--mine) !important; } .key { background: var(--mine); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .9rem; margin: .3rem 0 .2rem; }
.legend .key { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px; margin-right: .4rem;
  vertical-align: -1px; }
.flips { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: .8rem; }
.flips figure { margin: 0; border: 1px solid var(--line); border-radius: 10px; padding: .6rem; text-align: center; }
.flips img { width: 100%; max-width: 6.5rem; image-rendering: pixelated; border-radius: 4px; background: var(--panel); }
.flips figcaption { font-size: .85rem; line-height: 1.35; margin-top: .35rem; overflow-wrap: anywhere; }
.pill { display: inline-block; border-radius: 999px; padding: 0 .55rem; font-size: .82rem; border: 1px solid; }
details { border: 1px solid var(--line); border-radius: 10px; padding: .1rem .9rem; margin-top: .8rem; }
summary { cursor: pointer; padding: .5rem 0; font-weight: 600; } details .wrap { margin-bottom: .8rem; border: 0;
  box-shadow: none; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem;
  overflow-x: auto; font-size: .85rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; font-size: .92rem; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 3rem; font-size: .85rem; color: var(--faint); }
@media (max-width: 40rem) { body { padding: .8rem .8rem 3rem; } header h1 { font-size: 1.5rem; }
  .tile .much { font-size: 1.4rem; } .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem; }
  .tile { padding: .6rem .7rem; } dl { grid-template-columns: 1fr; } dt { margin-top: .4rem; }
  .card { padding: .7rem .6rem; } }
@media print { nav { display: none; } .card, .tile, .flips figure { break-inside: avoid; } }
"""
)
