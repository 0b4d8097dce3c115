const WIDTH = 760;
const LABELS = 250;
const VALUES = 90;
const BAR = 18;
const GAP = 8;
const TITLE = 48;

/**
 * Bars as SVG under a title and a note, longest for the largest value of all groups: `groups` are `[{ title, bars: [{ label, value, kind }] }]`,
 * where a bar of the kind `own` or `floor` has a colour of its own, and values are shown with `unit`. It reads on light and on dark
 * ground: letters follow the reader's colour scheme, and there is no ground.
 */
export function barChart({ title, note, groups, unit }) {
  const most = Math.max(...groups.flatMap((it) => it.bars.map((bar) => bar.value)));
  const scale = (WIDTH - LABELS - VALUES) / most;
  let y = TITLE;
  const parts = [];
  for (const group of groups) {
    y += GAP + 22;
    parts.push(`<text class="group" x="0" y="${y - 8}">${escaped(group.title)}</text>`);
    for (const { label, value, kind = 'other' } of group.bars) {
      const width = Math.max(1, Math.round(value * scale));
      const middle = y + BAR / 2 + 5;
      parts.push(
        `<text class="${kind === 'own' ? 'own-label' : 'label'}" x="${LABELS - 10}" y="${middle}">${escaped(label)}</text>`,
        `<rect class="${kind}" x="${LABELS}" y="${y}" width="${width}" height="${BAR}" rx="2"/>`,
        `<text class="value" x="${LABELS + width + 6}" y="${middle}">${escaped(`${amount(value)} ${unit}`)}</text>`,
      );
      y += BAR + GAP;
    }
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img">`,
    `<title>${escaped(title)}</title>`,
    STYLE,
    `<text class="title" x="0" y="20">${escaped(title)}</text>`,
    `<text x="0" y="42">${escaped(note)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

const amount = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en-US'));

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const STYLE = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.group, .own-label { font-weight: 600; }
.label, .own-label { text-anchor: end; }
.other { fill: #8c959f; }
.floor { fill: #d0a215; }
.own { fill: #2f6fdb; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .other { fill: #6e7681; } .own { fill: #58a6ff; } }
</style>`;
