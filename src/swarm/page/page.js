'use strict';
(() => {
  const runs = JSON.parse(document.getElementById('runs').textContent);
  const page = document.getElementById('page');
  const colours = 8;
  const colour = (i) => `var(--c${i % colours})`;

  // --- Numbers and text.

  const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
  const known = (value) => typeof value === 'number' && Number.isFinite(value);
  const digits = (value) => (value === 0 ? 0 : value >= 100 ? 0 : value >= 10 ? 1 : 2);
  const plain = (value) => (known(value) ? Number(value.toFixed(digits(Math.abs(value)))).toLocaleString('en') : '–');
  const count = (value) => (known(value) ? Math.round(value).toLocaleString('en') : '–');
  const time = (ns) => {
    if (!known(ns)) return '–';
    if (ns >= 1e9) return `${plain(ns / 1e9)} s`;
    return ns >= 1e6 ? `${plain(ns / 1e6)} ms` : `${plain(ns / 1e3)} µs`;
  };
  const bytes = (value) => {
    if (!known(value)) return '–';
    if (value >= 1e9) return `${plain(value / 1e9)} GB`;
    if (value >= 1e6) return `${plain(value / 1e6)} MB`;
    return value >= 1e4 ? `${plain(value / 1e3)} kB` : `${count(value)} B`;
  };
  const percent = (share) => (known(share) ? `${plain(share * 100)} %` : '–');
  const seconds = (s) => `${plain(s)} s`;

  const name = (run) => run.options.label ?? run.options.server;
  const roundName = (run, i) => {
    const round = run.rounds[i];
    const every = run.options.in_flight ? `${run.options.in_flight} in flight` : round.interval_seconds > 0 ? `every ${plain(round.interval_seconds)} s` : 'no broadcasts';
    return `Round ${i + 1}: ${every}`;
  };

  // --- Plots. Each is drawn at the width that it has, and anew when that changes.

  const plots = [];

  const niceStep = (range, wanted) => {
    const raw = range / Math.max(wanted, 1);
    const power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= raw);
  };

  const linearTicks = (min, max, wanted) => {
    const step = niceStep(max - min || 1, wanted);
    const ticks = [];
    for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i++) ticks.push(i * step + 0);
    return ticks;
  };

  const logTicks = (min, max) => {
    const ticks = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
      for (const n of max / min < 50 ? [1, 2, 5] : [1]) {
        const tick = n * 10 ** power;
        if (tick >= min * 0.999 && tick <= max * 1.001) ticks.push(tick);
      }
    }
    return ticks;
  };

  // What values lie between, and where on the paper.
  const scale = (values, axis, from, to) => {
    let min = axis.min ?? Math.min(...values);
    let max = axis.max ?? Math.max(...values);
    if (axis.log) {
      min = Math.max(min, 1e-9) * 0.8;
      max = Math.max(max * 1.25, min * 4);
      const a = Math.log(min), b = Math.log(max);
      const place = (v) => from + ((Math.log(Math.max(v, min)) - a) / (b - a)) * (to - from);
      return { place, ticks: logTicks(min, max), back: (p) => Math.exp(a + ((p - from) / (to - from)) * (b - a)) };
    }
    if (axis.min === undefined) min = Math.min(0, min);
    if (axis.max === undefined) max = max > min ? max + (max - min) * 0.06 : min + 1;
    const place = (v) => from + ((v - min) / (max - min)) * (to - from);
    return { place, ticks: linearTicks(min, max, Math.abs(to - from) / (axis.vertical ? 46 : 84)), back: (p) => min + ((p - from) / (to - from)) * (max - min) };
  };

  const box = (svgWidth, banded) => {
    const top = banded ? 24 : 10;
    const bottom = top + (svgWidth < 420 ? 190 : 220);
    return { left: 58, right: svgWidth - 10, top, bottom, height: bottom + 40 };
  };

  const axes = (area, x, y, spec) => {
    let out = '';
    for (const tick of y.ticks) {
      const at = y.place(tick).toFixed(1);
      out += `<line class="grid" x1="${area.left}" x2="${area.right}" y1="${at}" y2="${at}"/>`;
      out += `<text x="${area.left - 6}" y="${Number(at) + 4}" text-anchor="end">${escape(spec.y.format(tick))}</text>`;
    }
    for (const tick of x.ticks) {
      const at = x.place(tick).toFixed(1);
      out += `<text x="${at}" y="${area.bottom + 17}" text-anchor="middle">${escape(spec.x.format(tick))}</text>`;
    }
    out += `<text x="${area.right}" y="${area.bottom + 34}" text-anchor="end">${escape(spec.x.label)}</text>`;
    return out;
  };

  const bands = (area, x, spec) => (spec.bands ?? []).map(({ from, to, label }, i) => {
    const a = Math.max(x.place(from), area.left), b = Math.min(x.place(to), area.right);
    const text = [label, `Round ${i + 1}`, String(i + 1), ''].find((one) => one.length * 6.5 + 8 < b - a) ?? '';
    return `<rect class="band" x="${a.toFixed(1)}" y="${area.top}" width="${Math.max(b - a, 0).toFixed(1)}" height="${area.bottom - area.top}"/>` +
      `<line class="grid" x1="${a.toFixed(1)}" x2="${a.toFixed(1)}" y1="${area.top - 14}" y2="${area.bottom}"/>` +
      `<text x="${(a + 4).toFixed(1)}" y="${area.top - 5}">${escape(text)}</text>`;
  }).join('');

  // A line is interrupted where nothing is known.
  const line = (points, x, y, step) => {
    let out = '', pen = 'M', last;
    for (const [px, py] of points) {
      if (!known(py)) {
        pen = 'M';
        continue;
      }
      const at = [x.place(px).toFixed(1), y.place(py).toFixed(1)];
      if (step && pen === 'L') out += `L${at[0]} ${last}`;
      out += `${pen}${at.join(' ')}`;
      pen = 'L';
      last = at[1];
    }
    return out;
  };

  const bars = (series, i, of, x, y, area, width) => series.points.map(([px, py]) => {
    if (!known(py) || py <= 0) return '';
    const whole = Math.max(x.place(px + width) - x.place(px), 1);
    const one = whole / of;
    const top = y.place(py);
    return `<rect x="${(x.place(px) + (i % of) * one).toFixed(2)}" y="${top.toFixed(1)}" width="${Math.max(one * 0.92, 0.6).toFixed(2)}" height="${(area.bottom - top).toFixed(1)}" fill="${colour(series.colour ?? i)}"/>`;
  }).join('');

  const legend = (spec, at) => spec.series.map((series, i) => {
    let value = '';
    if (at !== undefined) {
      const near = series.points.filter(([, y]) => known(y)).reduce((best, point) => (!best || Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best), null);
      if (near) value = ` ${spec.y.format(near[1])}`;
    }
    return `<span><i class="${series.thin ? 'thin' : ''}" style="border-color:${colour(series.colour ?? i)}"></i>${escape(series.name)}${escape(value)}</span>`;
  }).join('');

  const draw = (plot) => {
    const { spec, figure } = plot;
    const width = Math.max(figure.clientWidth - 30, 280);
    const area = box(width, (spec.bands ?? []).length > 0);
    const points = spec.series.flatMap((series) => series.points.filter(([, y]) => known(y)));
    const inside = spec.x.labels ? { min: -0.5, max: spec.x.labels.length - 0.5 } : {};
    const x = scale(points.map(([px]) => px), { min: spec.x.min, max: spec.x.max, log: spec.x.log, ...inside }, area.left, area.right);
    const y = scale(points.map(([, py]) => py), { ...spec.y, vertical: true }, area.bottom, area.top);
    if (spec.x.labels) x.ticks = spec.x.labels.map((_, i) => i);
    if (spec.x.ticks) x.ticks = spec.x.ticks.filter((tick) => x.place(tick) <= area.right);
    let inner = bands(area, x, spec) + axes(area, x, y, spec);
    spec.series.forEach((series, i) => {
      if (spec.bars) inner += bars(series, i, spec.bars.stacked ? 1 : spec.series.length, x, y, area, spec.bars.width);
      else inner += `<path class="${series.thin ? 'thin' : ''}" stroke="${colour(series.colour ?? i)}" d="${line(series.points, x, y, spec.step)}"/>`;
    });
    for (const mark of spec.marks ?? []) {
      inner += `<text x="${x.place(mark.x).toFixed(1)}" y="${(y.place(mark.y) - 4).toFixed(1)}" text-anchor="middle" style="fill:var(--bad)">${escape(mark.text)}</text>`;
    }
    plot.svg.setAttribute('viewBox', `0 0 ${width} ${area.height}`);
    plot.svg.innerHTML = inner;
    plot.x = x;
    plot.area = area;
    plot.legend.innerHTML = legend(spec);
  };

  // Shows the values under the pointer.
  const follow = (plot, event) => {
    const frame = plot.svg.getBoundingClientRect();
    const at = ((event.clientX - frame.left) / frame.width) * plot.svg.viewBox.baseVal.width;
    const { left, right, top, bottom } = plot.area;
    plot.svg.querySelector('.cursor')?.remove();
    if (at < left || at > right) {
      plot.legend.innerHTML = legend(plot.spec);
      return;
    }
    plot.svg.insertAdjacentHTML('beforeend', `<line class="cursor" x1="${at}" x2="${at}" y1="${top}" y2="${bottom}"/>`);
    plot.legend.innerHTML = legend(plot.spec, plot.x.back(at));
  };

  // Adds a plot, unless there is nothing to draw; says whether it did.
  const addPlot = (parent, spec) => {
    spec.series = spec.series.filter((series) => series.points.some(([, y]) => known(y) && (y > 0 || !spec.y.log)));
    const size = spec.series.reduce((sum, series) => sum + series.points.length, 0);
    if (size === 0) return false;
    if (spec.y.log) for (const series of spec.series) series.points = series.points.map(([x, y]) => [x, y > 0 ? y : null]);
    const figure = document.createElement('figure');
    figure.className = spec.wide ? 'wide' : '';
    figure.dataset.plot = spec.id;
    figure.dataset.points = size;
    figure.innerHTML = `<h3>${escape(spec.title)}</h3><p>${escape(spec.note ?? '')}</p><svg role="img" aria-label="${escape(spec.title)}"></svg><div class="legend"></div>`;
    parent.append(figure);
    const plot = { spec, figure, svg: figure.querySelector('svg'), legend: figure.querySelector('.legend') };
    plot.svg.addEventListener('pointermove', (event) => follow(plot, event));
    plot.svg.addEventListener('pointerleave', () => draw(plot));
    plots.push(plot);
    draw(plot);
    return true;
  };

  // --- What is drawn.

  const roundBands = (run) => run.rounds.filter((round) => known(round.end_seconds))
    .map((round, i) => ({ from: round.begin_seconds, to: round.end_seconds, label: roundName(run, i) }));
  const perSecond = (run, key, by = 1) => run.seconds.map((second, i) => [i + 1, known(second[key]) ? second[key] * by : null]);
  const end = (run) => Math.max(run.seconds.length, 1);
  const timeAxis = (list) => ({ label: 'seconds since the first connect', format: plain, min: 0, max: Math.max(...list.map(end)) });
  const milliseconds = { format: (value) => `${plain(value)} ms`, log: true };

  // [milliseconds, share] of a histogram's buckets.
  const cumulative = (buckets) => {
    const total = buckets.reduce((sum, [, , n]) => sum + n, 0);
    let seen = 0;
    return buckets.map(([, high, n]) => [Math.max(high / 1e6, 0.001), (seen += n) / total]);
  };
  const nines = (share) => Math.log10(1 / Math.max(1 - share, 1e-6));
  const percentiles = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];
  // The delay at each percentile, spread so that each further nine takes as much room.
  const byPercentile = (buckets) => {
    const points = cumulative(buckets).map(([ms, share]) => [nines(Math.min(share, 1 - 1 / (buckets.reduce((s, b) => s + b[2], 0) + 1))), ms]);
    return points.length > 0 ? [[0, points[0][1]], ...points] : points;
  };
  const percentileAxis = {
    label: 'percentile', min: 0, ticks: percentiles.map(nines),
    format: (value) => `${Number((100 * (1 - 10 ** -value)).toFixed(3))}`,
  };
  const mergeBuckets = (lists) => {
    const sums = new Map();
    for (const list of lists) for (const [low, high, n] of list) sums.set(low, [low, high, (sums.get(low)?.[2] ?? 0) + n]);
    return [...sums.values()].sort((a, b) => a[0] - b[0]);
  };
  const timeline = (buckets) => buckets.map((n, i) => [i / 10, n]);

  const overTime = (run) => {
    const x = timeAxis([run]), shade = roundBands(run);
    return [
      { id: 'cpu', title: 'Processor', note: 'Shares of one processor; the rounds are shaded.', x, bands: shade, y: { format: percent },
        series: [{ name: 'server', points: perSecond(run, 'server_cpu') }, { name: 'swarm', thin: true, colour: 7, points: perSecond(run, 'swarm_cpu') }] },
      { id: 'memory', title: 'Memory', note: 'Of the server’s process, and of TCP sockets in the kernel.', x, bands: shade, y: { format: bytes },
        series: [{ name: 'resident', points: perSecond(run, 'server_rss') }, { name: 'PSS', thin: true, colour: 2, points: perSecond(run, 'server_pss') },
          { name: 'kernel sockets', colour: 1, points: perSecond(run, 'sockets') }, { name: 'swarm', thin: true, colour: 7, points: perSecond(run, 'swarm_rss') }] },
      { id: 'delay', title: 'Delay over time', note: 'From when a message was due to each arrival, by the second.', x, bands: shade, y: milliseconds,
        series: [{ name: 'p50', points: perSecond(run, 'p50', 1e-6) }, { name: 'p99', colour: 1, points: perSecond(run, 'p99', 1e-6) },
          { name: 'max', thin: true, colour: 6, points: perSecond(run, 'max', 1e-6) }] },
      { id: 'deliveries', title: 'Clients and deliveries', note: 'Clients that are connected, and messages that arrived within the second.', x, bands: shade, y: { format: count },
        series: [{ name: 'connected', colour: 2, points: perSecond(run, 'clients') }, { name: 'deliveries', points: perSecond(run, 'delivered') }] },
    ];
  };

  const distributions = (run) => [
    { id: 'percentiles', title: 'Delay by percentile', note: 'Of each round; each further nine takes as much room.', x: percentileAxis, y: milliseconds,
      series: run.rounds.map((round, i) => ({ name: roundName(run, i), points: byPercentile(round.delay_buckets) })) },
    { id: 'relative', title: 'Relative delay', note: 'How much later than the first client (of its process) the others got a message: the share that had it by then.',
      x: { label: 'milliseconds after the first', log: true, format: plain }, y: { format: percent, min: 0, max: 1 },
      series: run.rounds.map((round, i) => ({ name: roundName(run, i), points: cumulative(round.relative_buckets) })) },
  ];

  const connects = (run) => {
    const { bursts = [], begun_buckets: begun = [], buckets } = run.connects;
    return {
      id: 'connects', title: 'Connects per 100 ms', note: bursts.length > 0 ? `${bursts.length} burst${bursts.length > 1 ? 's' : ''}, far above the mean.` : 'Spread evenly: no bursts.',
      x: { label: 'seconds', format: plain, min: 0, max: Math.max(buckets.length, begun.length) / 10 }, y: { format: count }, bars: { width: 0.1, stacked: true },
      series: [{ name: 'begun', colour: 4, points: timeline(begun) }, { name: 'joined', colour: 0, points: timeline(buckets) }],
      marks: bursts.map((burst) => ({ x: burst.at_seconds + burst.seconds / 2, y: Math.max(...buckets.slice(Math.round(burst.at_seconds * 10), Math.round((burst.at_seconds + burst.seconds) * 10))), text: 'burst' })),
    };
  };

  const heartbeats = (run) => ({
    id: 'pings', title: 'Heartbeats per 100 ms', note: `Fullest tenth of a second by the mean: ${plain(run.pings.bucket_max_over_mean)}${run.pings.steady ? '' : ' (a short run: less than two intervals)'}.`,
    x: { label: 'seconds', format: plain, min: 0, max: run.pings.buckets.length / 10 }, y: { format: count }, bars: { width: 0.1 },
    series: [{ name: 'pings', colour: 5, points: timeline(run.pings.buckets) }],
  });

  const transports = (run) => {
    const shown = run.transports.filter(({ delay_ns }) => delay_ns.count > 0);
    const labels = shown.map(({ transport }) => transport);
    return {
      id: 'transports', title: 'Transports', note: 'Delays of each transport’s clients over all rounds.', bars: { width: 0.8 }, y: { ...milliseconds },
      x: { labels, label: '', format: (i) => labels[i] ?? '' },
      series: [['p50', 'p50'], ['p99', 'p99'], ['max', 'max']].map(([label, key], i) => ({ name: label, colour: [0, 1, 6][i], points: shown.map(({ delay_ns }, n) => [n - 0.4, Math.max(delay_ns[key] / 1e6, 0.001)]) })),
    };
  };

  const machinery = (run) => [
    { id: 'lag', title: 'The swarm’s own lag', note: 'The latest that its event loop came to a tick within the second: delays are known no better than that.', x: timeAxis([run]), bands: roundBands(run), y: { format: (value) => `${plain(value)} ms` },
      series: [{ name: 'loop lag', colour: 7, points: perSecond(run, 'lag', 1e-6) }] },
    { id: 'switches', title: 'Context switches of the server', note: 'A second.', x: timeAxis([run]), bands: roundBands(run), y: { format: count },
      series: [{ name: 'switches', colour: 3, points: perSecond(run, 'server_switches') }] },
  ];

  // --- Tables and tiles.

  const addHtml = (parent, html) => parent.insertAdjacentHTML('beforeend', html);

  const addTable = (parent, head, rows) => addHtml(parent, `<div class="scroll"><table class="wide-table"><thead><tr>${head.map((cell) => `<th>${escape(cell)}</th>`).join('')}</tr></thead><tbody>${rows
    .map(([first, ...rest]) => `<tr><th>${escape(first)}</th>${rest.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`).join('')}</tbody></table></div>`);

  const verdict = (run) => {
    const { valid, reasons, bounds } = run.verdict;
    const missed = bounds.filter(({ met }) => !met).map(({ text }) => text);
    const badges = [
      valid ? '<span class="badge good">VALID</span>' : '<span class="badge doubt">INVALID</span>',
      run.passed ? '<span class="badge good">as expected</span>' : '<span class="badge bad">not as expected</span>',
    ];
    const notes = [...reasons, ...missed.map((text) => `not met: ${text}`), ...(run.stopped ? [`ended early: ${run.stopped}`] : [])];
    return `<div class="verdict">${badges.join('')}</div>${notes.length > 0 ? `<ul class="notes">${notes.map((text) => `<li>${escape(text)}</li>`).join('')}</ul>` : ''}`;
  };

  const tile = (value, label) => `<div class="tile"><b>${escape(value)}</b><span>${escape(label)}</span></div>`;
  const faults = ({ lost, duplicated, out_of_order: order }) => `${count(lost)} / ${count(duplicated)} / ${count(order)}`;

  const tiles = (run) => {
    const { totals, connects: connected, server, options } = run;
    const list = [
      [`${count(connected.connected)} of ${count(options.clients)}`, 'clients connected'],
      [count(totals.delivered), 'messages delivered'],
      [faults(totals), 'lost / duplicated / out of order'],
      [time(totals.delay_ns.p50), 'delay, median'],
      [time(totals.delay_ns.p99), 'delay, p99'],
    ];
    if (known(totals.server_cpu_per_delivery_ns)) list.push([time(totals.server_cpu_per_delivery_ns), 'server CPU per delivery']);
    if (known(server?.memory?.per_client)) list.push([bytes(server.memory.per_client), 'server memory per client']);
    if (run.directed.sent > 0) list.push([time(run.directed.delay_ns.p99), 'directed messages, p99']);
    return `<div class="tiles">${list.map(([value, label]) => tile(value, label)).join('')}</div>`;
  };

  const roundTables = (parent, run) => {
    if (run.rounds.length === 0) return;
    addHtml(parent, '<h2>Rounds</h2>');
    addTable(parent, ['', 'Messages', 'Delivered', 'Lost', 'Twice', 'Order', 'p50', 'p99', 'p99.9', 'max', 'Skew', 'Relative', 'Server CPU', 'per delivery', 'Wire/payload'],
      run.rounds.map((round, i) => [roundName(run, i), count(round.messages), count(round.delivered), count(round.lost), count(round.duplicated), count(round.out_of_order),
        time(round.delay_ns.p50), time(round.delay_ns.p99), time(round.delay_ns['p99.9']), time(round.delay_ns.max), time(round.skew_ns.mean), time(round.relative_delay_ns),
        percent(round.server_cpu_share), time(round.server_cpu_per_delivery_ns), plain(round.wire_per_payload_byte)]));
  };

  const causes = (object) => Object.entries(object).map(([cause, n]) => `${count(n)} ${cause}`).join(', ') || '–';

  const detailTables = (parent, run) => {
    addHtml(parent, '<h2>Transports and connections</h2>');
    addTable(parent, ['', 'Attempted', 'Connected', 'Failed', 'Connect p50', 'p99', 'Disconnects', 'Gap notices', 'Delay p50', 'p99', 'Why'],
      run.transports.map((t) => [t.transport, count(t.attempted), count(t.connected), count(t.failed), time(t.connect_delay_ns.p50), time(t.connect_delay_ns.p99),
        count(t.disconnects), count(t.gap_notices), time(t.delay_ns.p50), time(t.delay_ns.p99), causes({ ...t.causes, ...t.disconnect_causes })]));
    if (run.agents.length > 0) {
      addHtml(parent, '<h2>Agents</h2>');
      addTable(parent, ['', 'Clients', 'Clock ahead', 'at most off', 'Drift', 'Busiest', 'Lag p99', ''],
        run.agents.map((a) => [a.name, count(a.clients), a.same_clock ? 'the same' : plain(a.clock_offset_ns / 1e3) + ' µs', a.same_clock ? '–' : time(a.clock_error_ns),
          a.same_clock ? '–' : plain(a.clock_drift_ns / 1e3) + ' µs', percent(a.cpu_max), time(a.lag_p99_ns), a.ended ?? '']));
    }
    const { behaviour, directed } = run;
    if (behaviour.left + behaviour.stalled + behaviour.slow > 0) {
      addHtml(parent, '<h2>Behaviour</h2>');
      addTable(parent, ['', 'Churning', 'Stalled', 'Slow', 'Storms', 'Left', 'Returned', 'Away p50', 'p99', 'Failed connects'],
        [['Clients', count(behaviour.churning), count(behaviour.stalled), count(behaviour.slow), count(behaviour.storms), count(behaviour.left), count(behaviour.returned),
          time(behaviour.return_delay_ns.p50), time(behaviour.return_delay_ns.p99), causes(behaviour.causes)]]);
    }
    if (directed.sent > 0) {
      addHtml(parent, '<h2>Directed messages</h2>');
      addTable(parent, ['', 'Sent', 'Refused', 'Addressee left', 'Delivered', 'Lost', 'Twice', 'To somebody else', 'p50', 'p99', 'max'],
        [[run.options.grid ? 'To neighbours' : 'From client to client', count(directed.sent), count(directed.refused), count(directed.departed ?? 0), count(directed.delivered), count(directed.lost), count(directed.duplicated), count(directed.misdelivered),
          time(directed.delay_ns.p50), time(directed.delay_ns.p99), time(directed.delay_ns.max)]]);
    }
  };

  const subtitle = (run) => {
    const { options, machine } = run;
    const mix = Object.entries(options.transports).map(([transport, share]) => (Object.keys(options.transports).length > 1 ? `${transport} ${share}` : transport)).join(', ');
    return `${count(options.clients)} clients by ${mix}${options.tls ? ' with TLS' : ''}, ${run.processes} process${run.processes > 1 ? 'es' : ''}; ${new Date(run.ended * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC; ` +
      `stentor-swarm ${run.version} on ${machine.host ?? 'a machine'}, ${machine.cores} cores, Linux ${machine.kernel}`;
  };

  const drawRun = (parent, run) => {
    addHtml(parent, tiles(run));
    roundTables(parent, run);
    addHtml(parent, '<h2>Plots</h2>');
    const grid = document.createElement('div');
    grid.className = 'plots';
    parent.append(grid);
    const specs = [...overTime(run), ...distributions(run), connects(run), heartbeats(run), transports(run), ...machinery(run)];
    const missing = specs.filter((spec) => !addPlot(grid, spec)).map(({ title }) => title);
    if (missing.length > 0) addHtml(parent, `<p class="soft missing">Nothing was seen for: ${escape(missing.join(', '))}.</p>`);
    detailTables(parent, run);
  };

  // --- Several runs side by side.

  const comparison = [
    ['Clients connected', (r) => `${count(r.connects.connected)} of ${count(r.options.clients)}`],
    ['Verdict', (r) => (r.verdict.valid ? 'valid' : 'INVALID')],
    ['As expected', (r) => (r.passed ? 'yes' : 'NO')],
    ['Connects failed', (r) => causes(r.connects.causes)],
    ['Disconnects', (r) => count(r.disconnects.total)],
    ['Connect p99', (r) => time(r.connects.delay_ns.p99)],
    ['Delivered', (r) => count(r.totals.delivered)],
    ['Lost / twice / order', (r) => faults(r.totals)],
    ['Delay p50', (r) => time(r.totals.delay_ns.p50)],
    ['Delay p99', (r) => time(r.totals.delay_ns.p99)],
    ['Delay max', (r) => time(r.totals.delay_ns.max)],
    ['Server CPU per delivery', (r) => time(r.totals.server_cpu_per_delivery_ns)],
    ['Server CPU when idle', (r) => percent(r.idle.server_cpu_share)],
    ['Server memory', (r) => bytes(r.server?.memory?.idle)],
    ['Server memory per client', (r) => bytes(r.server?.memory?.per_client)],
    ['Heartbeats max/mean', (r) => plain(r.pings.bucket_max_over_mean)],
  ];

  const drawComparison = () => {
    addTable(page, ['', ...runs.map(name)], comparison.map(([title, cell]) => [title, ...runs.map(cell)]));
    const most = Math.max(...runs.map((run) => run.rounds.length));
    addHtml(page, '<h2>Relative delay by round</h2><p class="soft">Mean, over the clients of a process but the first, of how much later than the first one they got a message.</p>');
    addTable(page, ['', ...runs.map(name)], [...Array(most).keys()].map((i) => [`Round ${i + 1}`, ...runs.map((run) => time(run.rounds[i]?.relative_delay_ns))]));
    addHtml(page, '<h2>Plots</h2>');
    const grid = document.createElement('div');
    grid.className = 'plots';
    page.append(grid);
    const each = (points) => runs.map((run, i) => ({ name: name(run), colour: i, thin: i >= colours, points: points(run) }));
    const x = timeAxis(runs);
    addPlot(grid, { id: 'cpu', title: 'Processor of the server', note: 'Shares of one processor.', x, y: { format: percent }, series: each((run) => perSecond(run, 'server_cpu')) });
    addPlot(grid, { id: 'memory', title: 'Memory of the server', note: 'Resident.', x, y: { format: bytes }, series: each((run) => perSecond(run, 'server_rss')) });
    addPlot(grid, { id: 'percentiles', title: 'Delay by percentile', note: 'All rounds together.', x: percentileAxis, y: milliseconds, series: each((run) => byPercentile(mergeBuckets(run.rounds.map((round) => round.delay_buckets)))) });
    addPlot(grid, { id: 'relative', title: 'Relative delay', note: 'All rounds together: the share of clients that had a message so long after the first.', x: { label: 'milliseconds after the first', log: true, format: plain }, y: { format: percent, min: 0, max: 1 },
      series: each((run) => cumulative(mergeBuckets(run.rounds.map((round) => round.relative_buckets)))) });
    addPlot(grid, { id: 'clients', title: 'Clients connected', note: '', x, y: { format: count }, series: each((run) => perSecond(run, 'clients')) });
    addPlot(grid, { id: 'delay', title: 'Delay over time', note: 'p99 of each second.', x, y: milliseconds, series: each((run) => perSecond(run, 'p99', 1e-6)) });
    addPlot(grid, { id: 'connects', title: 'Connects per 100 ms', note: 'Those that succeeded.', step: true, x: { label: 'seconds', format: plain, min: 0, max: Math.max(...runs.map((run) => run.connects.buckets.length)) / 10 }, y: { format: count }, series: each((run) => timeline(run.connects.buckets)) });
    const pinged = Math.max(...runs.map((run) => Math.ceil(run.pings.buckets.length / 10)), 1);
    addPlot(grid, { id: 'pings', title: 'Heartbeats per second', note: '', x: { ...x, max: pinged }, y: { format: count }, series: each((run) => {
      const sums = [];
      run.pings.buckets.forEach((n, i) => (sums[Math.floor(i / 10)] = (sums[Math.floor(i / 10)] ?? 0) + n));
      return sums.map((n, i) => [i + 1, n ?? 0]);
    }) });
    for (const run of runs) drawDetails(run);
  };

  // A run's own report is drawn when it is opened.
  const drawDetails = (run) => {
    const details = document.createElement('details');
    details.innerHTML = `<summary>${escape(name(run))}</summary><p class="soft">${escape(subtitle(run))}</p>${verdict(run)}`;
    details.addEventListener('toggle', () => details.dataset.drawn || (drawRun(details, run), (details.dataset.drawn = 'yes')));
    page.append(details);
  };

  const title = runs.length === 1 ? name(runs[0]) : `${runs.length} runs`;
  document.title = `${title} – stentor-swarm`;
  addHtml(page, `<h1>${escape(title)}</h1>`);
  if (runs.length === 1) {
    addHtml(page, `<p class="soft">${escape(subtitle(runs[0]))}</p>${verdict(runs[0])}`);
    drawRun(page, runs[0]);
  } else {
    addHtml(page, `<p class="soft">${escape(subtitle(runs[0]).split('; ').slice(1).join('; '))}</p>`);
    drawComparison();
  }
  let width = window.innerWidth;
  const redraw = () => plots.forEach(draw);
  window.addEventListener('resize', () => {
    if (window.innerWidth !== width) redraw();
    width = window.innerWidth;
  });
  window.addEventListener('beforeprint', redraw);
})();
