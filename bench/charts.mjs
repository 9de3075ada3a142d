/** The charts of the report: each draws one series of a result as an SVG document. */
import * as echarts from 'echarts';
import { machineLine } from './machine.mjs';

const WIDTH = 820;
const HEIGHT = 420;
const FONT = 'system-ui, sans-serif';
/** Told apart by people who do not see red and green as well. */
const COLOURS = { tcp: '#d55e00', unix: '#0072b2', san: '#009e73', floor: '#888888' };
const NAMES = { tcp: 'TCP loopback', unix: 'Unix socket', san: 'sockets-direct' };
const ADAPTERS = /** @type {const} */ (['tcp', 'unix', 'san']);

const bytes = (value) =>
  value >= 1 << 20 ? `${value >> 20} MiB` : value >= 1024 ? `${value >> 10} KiB` : `${value} B`;
const count = (value) => value.toLocaleString('en');
const plain = (value) => String(Number(value.toPrecision(3)));

/** @param {{ x: string, y: string, logY?: boolean, label: (value: number) => string, lines: object[], result: any }} what */
function lineChart({ x, y, logY = true, label, lines, result }) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  const xs = [...new Set(lines.flatMap((/** @type {any} */ line) => line.data.map((/** @type {any} */ [at]) => at)))];
  const axis = { nameLocation: /** @type {const} */ ('middle'), nameTextStyle: { fontFamily: FONT, color: '#444' } };
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT },
    legend: { top: 6, icon: 'roundRect', itemWidth: 18, itemHeight: 3 },
    grid: { left: 78, right: 24, top: 44, bottom: 74 },
    // By category: the points are the sizes that were measured, at equal distances.
    xAxis: { ...axis, type: 'category', name: x, nameGap: 28, data: xs.map((at) => label(at)), boundaryGap: false },
    yAxis: {
      ...axis,
      type: logY ? 'log' : 'value',
      name: y,
      nameGap: 56,
      axisLabel: { formatter: plain },
      splitLine: { lineStyle: { color: '#e6e6e6' } },
    },
    graphic: [
      {
        type: 'text',
        left: 12,
        bottom: 8,
        style: { text: machineLine(result.machine), fill: '#888', font: `11px ${FONT}` },
      },
    ],
    series: lines.map((/** @type {any} */ { name, colour, dash = 'solid', data }) => ({
      type: 'line',
      name,
      data: data.map(([at, value]) => [label(at), value]),
      color: colour,
      symbol: 'circle',
      symbolSize: dash === 'solid' ? 6 : 0,
      lineStyle: { width: 2, type: dash },
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

/** One line an adapter of what `value` finds in its rows; points without it are left out. */
function byAdapter(points, value, more = {}) {
  return ADAPTERS.flatMap((adapter) => {
    const data = points.flatMap(({ x, row }) => {
      const found = value(row, adapter, x);
      return found === undefined || found <= 0 ? [] : [[x, found]];
    });
    return data.length === 0 ? [] : [{ name: NAMES[adapter], colour: COLOURS[adapter], data, ...more }];
  });
}

const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const quantile = (row, adapter, name) => middle((row.runs[adapter] ?? []).map((run) => run.latency?.[name] ?? 0));
/** Of a stream; undefined where that adapter has no run. */
export const bytesPerSecond = (row, adapter) => middle((row.runs[adapter] ?? []).map((run) => run.bytesPerSecond));

/** @type {readonly { file: string, series: string, title: string, text: string, draw: (series: any, result: any) => string }[]} */
export const CHARTS = [
  {
    file: 'latency.svg',
    series: 'latency',
    title: 'Latency against size',
    text: 'A message there and back, one at a time. Solid: p50; dashed: p99.',
    draw: ({ points }, result) =>
      lineChart({
        x: 'size of the message',
        y: 'round trip, µs',
        label: bytes,
        result,
        lines: [
          ...byAdapter(points, (row, adapter) => row[adapter]),
          ...byAdapter(points, (row, adapter) => quantile(row, adapter, 'p99'), { dash: 'dashed' }),
        ],
      }),
  },
  {
    file: 'throughput.svg',
    series: 'throughput',
    title: 'Throughput against size',
    text: 'Writes of one size, one connection, one direction. Dashed: one `memcpy` of 64 KiB, the floor; the switch copies twice, on two cores.',
    draw: ({ points }, result) =>
      lineChart({
        x: 'size of each write',
        y: 'GB/s',
        label: bytes,
        result,
        lines: [
          ...byAdapter(points, (row, adapter) => bytesPerSecond(row, adapter) / 1e9),
          {
            name: 'memcpy',
            colour: COLOURS.floor,
            dash: 'dashed',
            data: points.map(({ x }) => [x, result.floors.memcpy64k]),
          },
        ],
      }),
  },
  {
    file: 'cpu-per-message.svg',
    series: 'throughput',
    title: 'CPU per message',
    text: 'User and system time of both processes, of the same runs.',
    draw: ({ points }, result) =>
      lineChart({
        x: 'size of each write',
        y: 'CPU, µs per message',
        label: bytes,
        result,
        lines: byAdapter(points, (row, adapter) => row.cpuPerOp?.[adapter]),
      }),
  },
  {
    file: 'cpu-per-gb.svg',
    series: 'throughput',
    title: 'CPU per GB',
    text: 'The same by volume.',
    draw: ({ points }, result) =>
      lineChart({
        x: 'size of each write',
        y: 'CPU, s per GB',
        label: bytes,
        result,
        lines: byAdapter(points, (row, adapter, x) => ((row.cpuPerOp?.[adapter] ?? 0) * 1e3) / x),
      }),
  },
  {
    file: 'connections.svg',
    series: 'connections',
    title: 'Cost of a message against connections',
    text: 'Round trips of 64 B spread over that many open connections, 16 of them at a time.',
    draw: ({ points }, result) =>
      lineChart({
        x: 'open connections',
        y: 'CPU of both processes, µs per round trip',
        label: count,
        result,
        lines: byAdapter(points, (row, adapter) => row.cpuPerOp?.[adapter]),
      }),
  },
  {
    file: 'connections-rate.svg',
    series: 'connections',
    title: 'Round trips against connections',
    text: 'The same runs: round trips per second.',
    draw: ({ points }, result) =>
      lineChart({
        x: 'open connections',
        y: 'round trips per second',
        label: count,
        result,
        lines: byAdapter(points, (row, adapter) => row[adapter]),
      }),
  },
  {
    file: 'http.svg',
    series: 'http',
    title: 'HTTP keep-alive against connections',
    text: 'Requests to a plain `node:http` server, one under way on each connection.',
    draw: ({ points }, result) =>
      lineChart({
        x: 'connections',
        y: 'requests per second',
        label: count,
        result,
        lines: byAdapter(points, (row, adapter) => row[adapter]),
      }),
  },
];
