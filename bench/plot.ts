import type { Finding } from './measure.ts';
import { summarise } from './summary.ts';

const WIDTH = 720;
const HEIGHT = 420;
const LEFT = 60;
const RIGHT = 190;
const TOP = 40;
const BOTTOM = 50;
const COLOURS = ['#1f6feb', '#bc4c00', '#1a7f37', '#8250df'];

interface Point {
  n: number;
  ms: number;
}

/** How each measure of a time grows with the number of pods, as an SVG with two logarithmic axes: p50 whole, p99 dashed. */
export function growthPlot(findings: Finding[], title: string): string {
  const measures = [
    ...new Set(findings.filter((finding) => msOf(finding) !== undefined).map(({ measure }) => measure)),
  ];
  const points = (measure: string, share: 'p50' | 'p99'): Point[] =>
    findings
      .filter((finding) => finding.measure === measure && msOf(finding) !== undefined)
      .map((finding) => ({ n: finding.n!, ms: summarise(finding.samples)[share] * msOf(finding)! }))
      .sort((a, b) => a.n - b.n);
  const all = measures.flatMap((measure) => [...points(measure, 'p50'), ...points(measure, 'p99')]);
  if (all.length === 0) return '';
  const x = scaleOver(
    all.map(({ n }) => n),
    LEFT,
    WIDTH - RIGHT,
  );
  const y = scaleOver(
    all.map(({ ms }) => ms),
    HEIGHT - BOTTOM,
    TOP,
  );

  const lines = measures.flatMap((measure, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const path = (share: 'p50' | 'p99', dash: string): string => {
      const corners = points(measure, share).map(({ n, ms }) => `${x.at(n)},${y.at(ms)}`);
      return `<polyline points="${corners.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>`;
    };
    const labelY = TOP + 20 * index;
    const label = `<text x="${WIDTH - RIGHT + 20}" y="${labelY}" fill="${colour}">${measure}</text>`;
    return [path('p50', ''), path('p99', ' stroke-dasharray="5 4"'), label];
  });
  const ticksX = x.ticks.map(
    (n) => `<text x="${x.at(n)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${n}</text>`,
  );
  const ticksY = y.ticks.map(
    (ms) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(ms)}" y2="${y.at(ms)}" stroke="#d0d7de"/>` +
      `<text x="${LEFT - 8}" y="${y.at(ms) + 4}" text-anchor="end">${ms}</text>`,
  );
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="20" font-size="14">${title}</text>`,
    ...ticksY,
    ...ticksX,
    ...lines,
    `<text x="${WIDTH - RIGHT + 20}" y="${HEIGHT - BOTTOM - 20}">whole: p50</text>`,
    `<text x="${WIDTH - RIGHT + 20}" y="${HEIGHT - BOTTOM}">dashed: p99</text>`,
    `<text x="${LEFT - 8}" y="${TOP - 10}" text-anchor="end">ms</text>`,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">pods of the service</text>`,
    '</svg>',
  ].join('\n')}\n`;
}

/** Milliseconds in its unit; undefined for a figure that is not a time, or that does not name a number of pods. */
const msOf = ({ n, unit }: Finding): number | undefined =>
  n === undefined ? undefined : unit === 'ms' ? 1 : unit === 's' ? 1000 : undefined;

/** A logarithmic axis over whole decades. */
function scaleOver(values: number[], from: number, to: number) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    at: (value: number): number =>
      Math.round((from + ((Math.log10(value) - low) / (high - low)) * (to - from)) * 10) / 10,
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  };
}
