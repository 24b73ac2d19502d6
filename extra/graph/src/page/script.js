'use strict';
(() => {
  const SPACE = 'http://www.w3.org/2000/svg';
  const data = JSON.parse(document.getElementById('data').textContent);
  const all = data.snapshots;
  const WORDS = new Map([['A', 'added'], ['M', 'modified'], ['T', 'other kind'], ['D', 'deleted'], ['R', 'renamed'], ['t', 'metadata']]);
  const at = (id) => document.getElementById(id);

  // Text only ever becomes text.
  const put = (parent, name, attributes, text) => {
    const element = document.createElement(name);
    return finish(parent, element, attributes, text);
  };
  const draw = (parent, name, attributes, text) => {
    const element = document.createElementNS(SPACE, name);
    return finish(parent, element, attributes, text);
  };
  const finish = (parent, element, attributes, text) => {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== false) element.setAttribute(key, value === true ? '' : String(value));
    }
    if (text !== undefined) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  };

  const number = (n) => n.toLocaleString('en-US');
  const many = (n, one, more) => `${number(n)} ${n === 1 ? one : more}`;
  const size = (bytes) => {
    if (bytes === null) return 'none of its own';
    if (bytes < 1024) return `${bytes} B`;
    let value = bytes;
    let unit = '';
    for (const next of ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']) {
      value /= 1024;
      unit = next;
      if (value < 1023.5) break;
    }
    return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
  };
  const short = (id) => id.slice(0, 12);
  const total = (s) => s.changes.counts.reduce((sum, [, count]) => sum + count, 0);
  const cut = (text, most) => {
    const letters = Array.from(text);
    return letters.length <= most ? text : letters.slice(0, most - 1).join('') + '\u2026';
  };

  const kids = all.map(() => []);
  all.forEach((s, n) => { if (s.parent !== null) kids[s.parent].push(n); });
  const head = all.findIndex((s) => s.head);

  // Where things are.
  const count = all.length;
  const least = count <= 12 ? 84 : count <= 48 ? 64 : count <= 240 ? 40 : 24;
  // A short history has room to spare.
  const step = Math.max(least, Math.min(132, Math.floor((at('scroll').clientWidth - 60) / count)));
  const named = step >= 64;
  const radius = step >= 40 ? 8 : 6;
  const laneHeight = named ? 58 : 40;
  const chart = 64;
  const x = (n) => 24 + step * (n + 0.5);
  const flags = [];
  const rows = [];
  const FLAG_ROWS = 4;
  all.forEach((s, n) => {
    const texts = s.tags.map((tag) => ({ text: tag, kind: '' }));
    if (s.head) texts.unshift({ text: 'head', kind: ' head' });
    for (const { text, kind } of texts) {
      const shown = cut(text, 22);
      const letters = Array.from(shown);
      const wide = letters.reduce((sum, c) => sum + (c.codePointAt(0) > 0x2e7f ? 12 : 6.9), 14);
      const left = x(n) - 9;
      let row = rows.findIndex((end) => end + 6 <= left);
      if (row < 0) row = rows.length < FLAG_ROWS ? rows.push(0) - 1 : -1;
      if (row < 0) continue;
      rows[row] = left + wide;
      flags.push({ n, text, shown, kind, row, left, wide });
    }
  });
  const trackCount = data.backs.reduce((most, b) => Math.max(most, b.track + 1), 0);
  const flagTop = 6;
  const trackTop = flagTop + rows.length * 24 + 6;
  const laneTop = trackTop + trackCount * 15 + (trackCount ? 18 : 4);
  const laneCount = all.reduce((most, s) => Math.max(most, s.lane + 1), 1);
  const y = (n) => laneTop + 16 + all[n].lane * laneHeight;
  const lanesEnd = laneTop + 16 + (laneCount - 1) * laneHeight + (named ? 40 : 28);
  const contentTop = lanesEnd + 20;
  const archiveTop = contentTop + chart + 28;
  const axis = archiveTop + chart + 6;
  const height = axis + 24;
  const width = Math.max(x(count - 1) + step / 2 + 24, ...rows.map((end) => end + 24));

  const svg = draw(null, 'svg', {
    width, height, viewBox: `0 0 ${width} ${height}`, role: 'listbox', 'aria-orientation': 'horizontal',
    'aria-label': `Snapshots, oldest first: ${count}`,
  });
  const defs = draw(svg, 'defs');
  for (const kind of ['backup', 'revert', 'redo']) {
    const marker = draw(defs, 'marker', {
      id: `tip-${kind}`, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 8, markerHeight: 8,
      markerUnits: 'userSpaceOnUse', orient: 'auto',
    });
    draw(marker, 'path', { d: 'M0,0.5 L8,4 L0,7.5 Z', class: `tip-${kind}` });
  }
  const layer = (label) => draw(svg, 'g', { 'aria-hidden': 'true', class: label });
  const backdrop = layer('backdrop');
  const charts = layer('charts');
  const ways = layer('ways');
  const flagLayer = layer('flags');
  const nodeLayer = draw(svg, 'g', { role: 'presentation' });
  const column = draw(backdrop, 'rect', { class: 'column chosen', y: 0, width: step, height, rx: 6 });

  // Backups, one way.
  const edges = [];
  const edge = (from, to, d, more) => {
    const path = draw(ways, 'path', { class: `edge${more}`, d, 'marker-end': 'url(#tip-backup)' });
    edges.push({ from, to, path });
    return path;
  };
  all.forEach((s, n) => {
    const [cx, cy, gap] = [x(n), y(n), s.gone > 0 ? ' gap' : ''];
    if (s.parent === null) {
      if (s.origin === null) return;
      const left = cx - Math.min(step * 0.5, 30) - radius;
      const stub = edge(-1, n, `M${left + 4},${cy} H${cx - radius - 2}`, ' gap');
      draw(stub, 'title', {}, s.origin);
      draw(ways, 'circle', { class: 'absent', cx: left, cy, r: 3.5 });
      return;
    }
    const [px, py] = [x(s.parent), y(s.parent)];
    let path;
    if (py === cy) {
      path = edge(s.parent, n, `M${px + radius},${py} H${cx - radius - 2}`, gap);
    } else {
      const bus = cy - laneHeight / 2 + (named ? 6 : 0);
      const turn = Math.min(8, step / 4);
      const way = `M${px},${py + radius} V${bus - turn} Q${px},${bus} ${px + turn},${bus}`;
      const d = named
        ? `${way} H${cx - step / 2 + 2} C${cx - step / 4},${bus} ${cx - step / 2},${cy} ${cx - radius - 2},${cy}`
        : `${way} H${cx - turn} Q${cx},${bus} ${cx},${bus + turn} V${cy - radius - 2}`;
      path = edge(s.parent, n, d, gap);
    }
    if (s.gone > 0) {
      draw(path, 'title', {}, `${many(s.gone, 'snapshot', 'snapshots')} between them gone`);
      draw(ways, 'text', { class: 'gone', x: cx - step / 2, y: cy - 6 }, named ? `${s.gone} gone` : '\u22ef');
    }
  });

  // Reverts, the other way.
  for (const back of data.backs) {
    if (back.from === back.to) {
      // Nothing had to change.
      const [cx, top] = [x(back.from), y(back.from) - radius];
      const loop = draw(ways, 'path', {
        class: back.redo ? 'way redo' : 'way', d: `M${cx - 3},${top} C${cx - 13},${top - 22} ${cx + 13},${top - 22} ${cx + 4},${top - 2}`,
        'marker-end': `url(#tip-${back.redo ? 'redo' : 'revert'})`,
      });
      draw(loop, 'title', {}, `${back.words}, ${back.time}: nothing had to change`);
      edges.push({ from: back.from, to: back.to, path: loop });
      continue;
    }
    const side = back.from > back.to ? -1 : 1;
    const [fx, tx] = [x(back.from) + 3 * side, x(back.to) - 3 * side];
    const line = laneTop - 8 - back.track * 15;
    const turn = Math.min(8, Math.abs(fx - tx) / 2);
    const d = `M${fx},${y(back.from) - radius} V${line + turn} Q${fx},${line} ${fx + side * turn},${line} `
      + `H${tx - side * turn} Q${tx},${line} ${tx},${line + turn} V${y(back.to) - radius - 3}`;
    const kind = back.redo ? 'redo' : 'revert';
    const path = draw(ways, 'path', { class: back.redo ? 'way redo' : 'way', d, 'marker-end': `url(#tip-${kind})` });
    draw(path, 'title', {}, `${back.words}, ${back.time}`);
    edges.push({ from: back.from, to: back.to, path });
  }

  // Tags, and the head.
  for (const flag of flags) {
    const top = flagTop + flag.row * 24;
    draw(flagLayer, 'line', { class: 'leader', x1: x(flag.n), x2: x(flag.n), y1: top + 19, y2: y(flag.n) - radius });
  }
  for (const flag of flags) {
    const top = flagTop + flag.row * 24;
    const group = draw(flagLayer, 'g', { class: `flag${flag.kind}` });
    draw(group, 'rect', { x: flag.left, y: top, width: flag.wide, height: 19, rx: 9.5 });
    draw(group, 'text', { x: flag.left + 7, y: top + 13.5 }, flag.shown);
    draw(group, 'title', {}, flag.text);
    group.addEventListener('click', (event) => { event.stopPropagation(); choose(flag.n, true); });
  }

  // Snapshots.
  const said = (s, n) => {
    const parts = [`Snapshot ${short(s.id)}`, `${n + 1} of ${count}`, s.time];
    if (s.head) parts.push('head');
    if (s.tags.length) parts.push(`tagged ${s.tags.join(', ')}`);
    if (s.imported !== null) parts.push(`imported from ${s.imported}`);
    if (s.forgotten) parts.push(`${many(s.forgotten, 'file', 'files')} forgotten`);
    if (s.gone) parts.push(`${s.gone} before it gone`);
    if (s.origin !== null) parts.push(s.origin);
    parts.push(many(total(s), 'change', 'changes'));
    for (const b of data.backs) if (b.from === n) parts.push(`then ${b.redo ? 'redo' : 'revert'} to ${short(all[b.to].id)}`);
    return parts.join(', ');
  };
  const outgoing = all.map(() => 0);
  data.backs.forEach((b) => { outgoing[b.from] += 1; });
  const nodes = all.map((s, n) => {
    const [cx, cy] = [x(n), y(n)];
    const kinds = ['node', s.head && 'head', s.tags.length > 0 && 'tagged', s.imported !== null && 'imported',
      s.forgotten > 0 && 'forgotten'].filter(Boolean).join(' ');
    const group = draw(nodeLayer, 'g', {
      class: kinds, role: 'option', tabindex: -1, 'aria-selected': 'false', 'data-n': n, 'aria-label': said(s, n),
      'aria-setsize': count, 'aria-posinset': n + 1,
    });
    if (s.imported !== null) {
      draw(group, 'rect', { class: 'halo', x: cx - radius - 4, y: cy - radius - 4, width: 2 * radius + 8, height: 2 * radius + 8, rx: 4 });
      draw(group, 'rect', { class: 'body', x: cx - radius, y: cy - radius, width: 2 * radius, height: 2 * radius, rx: 2 });
    } else {
      draw(group, 'circle', { class: 'halo', cx, cy, r: radius + 4 });
      draw(group, 'circle', { class: 'body', cx, cy, r: radius });
    }
    if (s.head) draw(group, 'circle', { class: 'inner', cx, cy, r: radius - 4 });
    if (s.forgotten > 0) {
      const r = radius - 3;
      draw(group, 'path', { class: 'cross', d: `M${cx - r},${cy - r} L${cx + r},${cy + r} M${cx + r},${cy - r} L${cx - r},${cy + r}` });
    }
    draw(group, 'title', {}, said(s, n));
    const name = named ? draw(group, 'text', { class: 'name', x: cx, y: cy + radius + 15 }, s.id.slice(0, 8)) : null;
    return { group, name };
  });

  // Sizes over time.
  const tallest = (key) => all.reduce((most, s) => Math.max(most, s[key] || 0), 0);
  const caption = (top, text) => {
    const element = put(at('picture'), 'div', { class: 'caption' }, text);
    element.style.top = `${top}px`;
  };
  const level = (top, value, most) => top + chart - (most > 0 ? (value / most) * (chart - 4) : 0);
  const mostContent = tallest('content_bytes');
  const mostArchive = tallest('archive_bytes');
  draw(charts, 'line', { class: 'base', x1: 0, x2: width, y1: contentTop + chart, y2: contentTop + chart });
  draw(charts, 'line', { class: 'base', x1: 0, x2: width, y1: archiveTop + chart, y2: archiveTop + chart });
  const points = all.map((s, n) => [x(n), level(contentTop, s.content_bytes, mostContent)]);
  if (count > 1) {
    const line = points.map(([px, py]) => `${px},${py.toFixed(1)}`).join(' L');
    draw(charts, 'path', { class: 'area', d: `M${points[0][0]},${contentTop + chart} L${line} L${points[count - 1][0]},${contentTop + chart} Z` });
    draw(charts, 'path', { class: 'curve', d: `M${line}` });
  }
  const dots = points.map(([cx, cy], n) => {
    const dot = draw(charts, 'circle', { class: 'dot', cx, cy: cy.toFixed(1), r: step >= 40 ? 3.5 : 2 });
    draw(dot, 'title', {}, `${short(all[n].id)} holds ${size(all[n].content_bytes)}`);
    return dot;
  });
  const bars = all.map((s, n) => {
    if (s.archive_bytes === null) return null;
    const top = level(archiveTop, s.archive_bytes, mostArchive);
    const wide = Math.min(28, step * 0.5);
    const bar = draw(charts, 'rect', {
      class: 'size', x: x(n) - wide / 2, y: Math.min(top, archiveTop + chart - 1.5).toFixed(1), width: wide,
      height: Math.max(archiveTop + chart - top, 1.5).toFixed(1), rx: 1.5,
    });
    draw(bar, 'title', {}, `The archive of ${short(s.id)} takes ${size(s.archive_bytes)}`);
    return bar;
  });
  let end = -Infinity;
  let day = '';
  let minute = '';
  all.forEach((s, n) => {
    const now = s.time.slice(0, 16);
    if (x(n) - 6 < end || now === minute) return;
    const date = now.slice(0, 10);
    const text = date === day ? now.slice(11) : now;
    [day, minute] = [date, now];
    draw(charts, 'text', { class: 'day', x: Math.max(4, x(n) - radius), y: axis + 12 }, text);
    end = x(n) + text.length * 6.5 + 14;
  });

  at('scroll').append(svg);
  caption(contentTop - 18, `Content of each snapshot, up to ${size(mostContent)}`);
  caption(archiveTop - 18, `Archive that it took, up to ${size(mostArchive)}`);

  // The chosen one.
  let chosen = -1;
  const hidden = new Set();
  const choose = (n, focus) => {
    if (n < 0 || n >= count) return;
    const before = nodes[chosen];
    if (before && chosen !== n) {
      before.group.setAttribute('aria-selected', 'false');
      before.group.setAttribute('tabindex', '-1');
      if (before.name) before.name.classList.remove('chosen');
      dots[chosen].classList.remove('chosen');
      if (bars[chosen]) bars[chosen].classList.remove('chosen');
    }
    const now = nodes[n];
    now.group.setAttribute('aria-selected', 'true');
    now.group.setAttribute('tabindex', '0');
    if (now.name) now.name.classList.add('chosen');
    dots[n].classList.add('chosen');
    if (bars[n]) bars[n].classList.add('chosen');
    column.setAttribute('x', x(n) - step / 2);
    for (const e of edges) e.path.classList.toggle('lit', e.from === n || e.to === n);
    const fresh = chosen !== n;
    chosen = n;
    if (fresh) show(all[n], n);
    reveal(n);
    if (focus) now.group.focus({ preventScroll: true });
    try { history.replaceState(null, '', `#${all[n].id}`); } catch { /* some frames may not */ }
  };
  const reveal = (n) => {
    const scroll = at('scroll');
    const margin = Math.min(step * 2, scroll.clientWidth / 4);
    if (x(n) - margin < scroll.scrollLeft) scroll.scrollLeft = x(n) - margin;
    else if (x(n) + margin > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = x(n) + margin - scroll.clientWidth;
  };

  const row = (list, name, text, code) => {
    put(list, 'dt', {}, name);
    return put(list, 'dd', code ? { class: 'code' } : {}, text);
  };
  const jump = (parent, n, text) => {
    const button = put(parent, 'button', { type: 'button', class: 'link' }, text);
    button.addEventListener('click', () => choose(n, true));
  };
  const show = (s, n) => {
    at('snapshot-title').textContent = `${short(s.id)} \u00b7 ${s.time}`;
    at('older').disabled = n === 0;
    at('newer').disabled = n === count - 1;
    const badges = at('badges');
    badges.replaceChildren();
    if (s.head) put(badges, 'span', { class: 'badge head' }, 'head');
    for (const tag of s.tags) put(badges, 'span', { class: 'badge tag' }, tag);
    if (s.imported !== null) put(badges, 'span', { class: 'badge' }, `imported from ${s.imported}`);
    if (s.forgotten) put(badges, 'span', { class: 'badge warn' }, `${many(s.forgotten, 'file', 'files')} forgotten`);
    about(s, n);
    hidden.clear();
    at('filter').value = '';
    letters(s);
    list(s);
    at('changes').scrollTop = 0;
  };
  const about = (s, n) => {
    const dl = at('about');
    dl.replaceChildren();
    row(dl, 'id', s.id, true);
    row(dl, 'recorded', `${s.time}${s.host ? ` on ${s.host}` : ''}`);
    const parent = row(dl, 'parent', '');
    if (s.parent !== null) {
      jump(parent, s.parent, short(all[s.parent].id));
      if (s.gone) parent.append(`, ${many(s.gone, 'snapshot', 'snapshots')} between them gone`);
    } else {
      parent.textContent = s.origin === null ? 'none: a history begins here' : s.origin;
    }
    if (kids[n].length) {
      const dd = row(dl, kids[n].length === 1 ? 'child' : 'children', '');
      kids[n].slice(0, 12).forEach((kid, k) => {
        if (k) dd.append(', ');
        jump(dd, kid, short(all[kid].id));
      });
      if (kids[n].length > 12) dd.append(` and ${kids[n].length - 12} more`);
    }
    const holds = [many(s.files, 'file', 'files'), many(s.directories, 'directory', 'directories')];
    if (s.others) holds.push(many(s.others, 'other', 'others'));
    row(dl, 'holds', `${holds.join(', ')}, ${size(s.content_bytes)}`);
    const forms = { full: ' (the whole tree)', thin: '', pack: ' (kept in a pack)' };
    row(dl, 'archive', `${size(s.archive_bytes)}${forms[s.extent] || ''}`);
    for (const note of s.notes) row(dl, 'note', note);
    for (const operation of s.operations) {
      const dd = row(dl, 'then', `${operation.words}, ${operation.time}`);
      if (operation.to !== null) {
        dd.append(' \u2192 ');
        jump(dd, operation.to, short(all[operation.to].id));
      }
    }
  };
  const letters = (s) => {
    const group = at('letters');
    group.replaceChildren();
    at('filters').hidden = s.changes.list.length === 0;
    for (const [letter, amount] of s.changes.counts) {
      const word = WORDS.get(letter) || '';
      const button = put(group, 'button', { type: 'button', 'aria-pressed': 'true', 'aria-label': `${number(amount)} ${word}` });
      put(button, 'span', { class: `letter ${letter}`, 'aria-hidden': 'true' }, letter);
      put(button, 'span', {}, `${number(amount)} ${word}`);
      button.addEventListener('click', () => {
        if (hidden.has(letter)) hidden.delete(letter); else hidden.add(letter);
        button.setAttribute('aria-pressed', String(!hidden.has(letter)));
        list(all[chosen]);
      });
    }
  };
  const list = (s) => {
    const { list: changes, rest, since, unsure, fault } = s.changes;
    const none = total(s) === 0;
    at('since').textContent = fault !== null ? `This cannot be told: ${fault}`
      : since === null ? (none ? 'It is empty.' : 'Nothing is before it, so this is what it holds.')
        : none ? `Nothing, since ${since}.` : `Since ${since}.`;
    const wanted = at('filter').value.toLowerCase();
    const element = at('changes');
    const lines = document.createDocumentFragment();
    let shown = 0;
    for (const [letter, path, kind, before, after, why, from] of changes) {
      if (hidden.has(letter)) continue;
      if (wanted && !path.toLowerCase().includes(wanted) && !(from || '').toLowerCase().includes(wanted)) continue;
      shown += 1;
      const line = put(lines, 'li');
      put(line, 'span', { class: `letter ${letter}`, title: WORDS.get(letter) || '' }, letter);
      const name = put(line, 'span', { class: 'path' });
      if (from !== null) put(name, 'span', { class: 'from' }, `${from} \u2192 `);
      name.append(path);
      const more = [];
      if (kind !== 'file') more.push(kind);
      if (letter === 't' || letter === 'T') more.push(why);
      if (before !== null && after !== null && before !== after) more.push(`${size(before)} \u2192 ${size(after)}`);
      else if (after !== null && letter !== 't') more.push(size(after));
      else if (before !== null && after === null) more.push(size(before));
      put(line, 'span', { class: 'more' }, more.filter(Boolean).join(' \u00b7 '));
    }
    element.replaceChildren(lines);
    if (shown > 0) element.setAttribute('tabindex', '0'); else element.removeAttribute('tabindex');
    const told = [];
    if (shown < changes.length) told.push(`${number(shown)} of ${number(changes.length)} listed changes are shown.`);
    if (rest > 0) told.push(`${number(rest)} more ${rest === 1 ? 'is' : 'are'} not in this page: fsync show --changes ${short(s.id)}`);
    if (unsure > 0) told.push(`${many(unsure, 'entry', 'entries')} could not be compared.`);
    at('rest').textContent = told.join(' ');
  };

  // Keys and clicks.
  const parentOf = (n) => (all[n].parent === null ? n : all[n].parent);
  const childOf = (n) => {
    const own = kids[n].find((kid) => all[kid].lane === all[n].lane);
    return own !== undefined ? own : kids[n].length ? kids[n][0] : n;
  };
  svg.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const to = {
      ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: count - 1, PageUp: Math.max(0, chosen - 10),
      PageDown: Math.min(count - 1, chosen + 10), ArrowUp: parentOf(chosen), ArrowDown: childOf(chosen),
    }[event.key];
    if (to !== undefined) choose(to, true);
    else if (event.key === 'Enter' || event.key === ' ') {
      at('snapshot').scrollIntoView({ block: 'nearest' });
      (all[chosen].changes.list.length ? at('changes') : at('snapshot')).focus();
    } else return;
    event.preventDefault();
  });
  document.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const typing = document.activeElement === at('filter');
    if (event.key === '/' && !typing && !at('filters').hidden) {
      at('filter').focus();
      event.preventDefault();
    } else if (event.key === 'Escape') {
      if (typing && at('filter').value) {
        at('filter').value = '';
        list(all[chosen]);
      } else choose(chosen, true);
      event.preventDefault();
    }
  });
  svg.addEventListener('click', (event) => {
    const place = (event.clientX - svg.getBoundingClientRect().left - 24) / step;
    choose(Math.max(0, Math.min(count - 1, Math.floor(place))), true);
  });
  at('older').addEventListener('click', () => choose(chosen - 1, false));
  at('newer').addEventListener('click', () => choose(chosen + 1, false));
  at('filter').addEventListener('input', () => list(all[chosen]));
  const fromAddress = () => all.findIndex((s) => s.id === location.hash.slice(1));
  window.addEventListener('hashchange', () => choose(fromAddress(), false));

  // Around it.
  document.title = `History of ${data.directory}`;
  at('directory').textContent = data.directory;
  const archives = all.reduce((sum, s) => sum + (s.archive_bytes || 0), 0);
  const facts = [many(count, 'snapshot', 'snapshots'), many(data.backs.filter((b) => !b.redo).length, 'revert', 'reverts')];
  if (count > 1) facts.push(`${all[0].time} to ${all[count - 1].time}`);
  facts.push(`${size(archives)} of archives`);
  if (data.left_out) facts.push(`${number(data.left_out)} older ones left out`);
  at('facts').textContent = facts.join(' \u00b7 ');
  at('footer').textContent = `Made by ${data.program} on ${data.made}. This page is whole: it asks no server for anything.`;
  const legend = [['edge', 'backup', 'M0,6 H30', 'backup: recorded, then changed']];
  if (data.backs.some((b) => !b.redo)) legend.push(['way', 'revert', 'M34,6 H4', 'revert: taken back']);
  if (data.backs.some((b) => b.redo)) legend.push(['way redo', 'redo', 'M0,6 H30', 'redo']);
  if (all.some((s) => s.gone || s.origin !== null)) legend.push(['edge gap', 'backup', 'M0,6 H30', 'some are gone']);
  for (const [kind, tip, d, text] of legend) {
    const item = put(at('legend'), 'li');
    const sample = draw(item, 'svg', { 'aria-hidden': 'true', viewBox: '0 0 34 12' });
    draw(sample, 'path', { class: kind, d, 'marker-end': `url(#tip-${tip})` });
    put(item, 'span', {}, text);
  }
  const marks = [];
  if (all.some((s) => s.imported !== null)) marks.push('\u25a1 imported');
  if (all.some((s) => s.forgotten > 0)) marks.push('\u00d7 something forgotten');
  for (const mark of marks) put(at('legend'), 'li', {}, mark);
  const tags = at('tags');
  all.forEach((s, n) => {
    for (const tag of s.tags) {
      const item = put(tags, 'li');
      jump(item, n, tag);
      put(item, 'time', {}, s.time);
    }
  });
  tags.prepend(...Array.from(tags.children).reverse());
  if (!tags.children.length) put(tags, 'li', { class: 'muted' }, 'none: "fsync-tag create -d DIR NAME" sets one');
  const first = fromAddress();
  choose(first >= 0 ? first : head >= 0 ? head : count - 1, false);
})();
