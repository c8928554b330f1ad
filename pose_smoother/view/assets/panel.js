// Measurements: jitter before and after, how far points moved, what is missing or rejected.

function cell(text, tag = 'td') {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function pair(term, parts, wide) {
  const box = document.createElement('div');
  if (wide) box.className = 'wide';
  const value = document.createElement('dd');
  for (const [text, kind] of parts) {
    const span = document.createElement(kind === 'small' ? 'small' : 'span');
    if (kind !== 'small') span.className = kind;
    span.textContent = text;
    value.append(span);
  }
  box.append(cell(term, 'dt'), value);
  return box;
}

const jitterOf = (list, version, k) => mean(list.map((one) => one.jitter[version][k]));

function paintNumbers() {
  const list = shown();
  const keys = D.names.map((_, k) => k);
  const before = mean(keys.map((k) => jitterOf(list, 0, k)));
  const after = mean(keys.map((k) => jitterOf(list, S.version, k)));
  const moved = mean(list.map((one) => one.moved[S.version - 1]));
  const size = mean(list.map((one) => one.size));
  let points = 0, missing = 0, unread = 0, far = 0, filled = 0, exchanged = 0;
  for (const one of list) {
    for (let t = 0; t < N; t++) {
      if (one.rowOf[t] < 0) continue;
      for (let k = 0; k < K; k++) {
        const there = one.has(0, t, k);
        const mark = one.mark(S.version, t, k);
        points++;
        missing += !there;
        filled += !there && one.has(S.version, t, k);
        unread += mark & NOT_READ;
        far += mark > NOT_READ;
        exchanged += mark >= EXCHANGED;
      }
    }
  }
  const change = before ? Math.trunc(100 * (after / before - 1)) : null;
  const body = (value) => (size && value !== null ? `${percent(value / size)} of the body` : '');
  $('numbers').replaceChildren(
    pair('Jitter, mean of all points, rejected ones too', [
      [short(before), 'before'], [' → ', 'before'], [short(after), 'after'],
      [change === null ? '' : `  ${change > 0 ? '+' : '−'}${Math.abs(change)} %`, 'small'],
    ], true),
    pair('Moved, median', [[short(moved), ''], [body(moved), 'small']]),
    pair('Missing', [[percent(points ? missing / points : 0), ''], [`${missing.toLocaleString('en')} points${filled ? `, ${filled.toLocaleString('en')} filled` : ''}`, 'small']]),
    pair('Moved far', [[far.toLocaleString('en'), ''], [`points, over 6 × their noise${exchanged ? `; ${exchanged.toLocaleString('en')} left/right exchanged` : ''}`, 'small']]),
    pair('Not read', [[unread.toLocaleString('en'), ''], ['points of a low score', 'small']]),
  );
}

function buildKeypoints() {
  const body = $('keypoints');
  body.replaceChildren();
  D.names.forEach((name, k) => {
    const row = document.createElement('tr');
    const first = document.createElement('td');
    const label = document.createElement('label');
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.checked = S.chosen.includes(k);
    box.addEventListener('change', () => choose(k, box.checked));
    label.append(box, cell(name, 'span'));
    label.title = name;
    first.append(label);
    const bars = document.createElement('td');
    bars.className = 'bars';
    bars.setAttribute('aria-hidden', 'true');
    for (const kind of ['a', 'b']) {
      const bar = document.createElement('i');
      bar.className = kind;
      bars.append(bar);
    }
    row.append(first, bars, cell(''), cell(''), cell(''));
    body.append(row);
  });
  paintKeypoints();
}

function paintKeypoints() {
  const list = shown();
  const values = D.names.map((_, k) => [jitterOf(list, 0, k), jitterOf(list, S.version, k)]);
  const most = Math.max(...values.flat().filter((v) => v !== null), 0) || 1;
  [...$('keypoints').rows].forEach((row, k) => {
    let rows = 0, missing = 0;
    for (const one of list) {
      for (let t = 0; t < N; t++) {
        if (one.rowOf[t] < 0) continue;
        rows++;
        missing += !one.has(0, t, k);
      }
    }
    const [before, after] = values[k];
    row.cells[0].querySelector('input').checked = S.chosen.includes(k);
    [...row.cells[1].children].forEach((bar, i) => { bar.style.width = `${(100 * (values[k][i] || 0)) / most}%`; });
    row.cells[2].textContent = even(before);
    row.cells[3].textContent = even(after);
    row.cells[4].textContent = missing ? percent(missing / Math.max(1, rows)) : '·';
  });
}

onChange(['version', 'track'], () => { paintNumbers(); paintKeypoints(); });
onChange(['chosen'], paintKeypoints);
