// What the charts of every report share. Series arrive at full length (see payload.py) and are thinned for
// the stretch in view, again at every zoom: a bucket keeps its lowest and highest point, so that no extreme
// is lost and zooming in shows every bar.

const BUCKETS = 1200; // pairs of points drawn across the view; about one per pixel

async function unpack(id) {
  const bytes = decode(document.getElementById(id).textContent.trim());
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function decode(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["panel", "line", "text", "muted", "accent", "good", "bad",
    "chart-equity", "chart-hold", "chart-grid", "warn-line"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

function baseLayout(colours) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colours.text, size: 12, family: getComputedStyle(document.body).fontFamily },
    hoverlabel: { bgcolor: colours.panel, bordercolor: colours.line, font: { color: colours.text } },
    margin: { l: 72, r: 16, t: 36, b: 40 },
  };
}

function axis(colours, more) {
  return { gridcolor: colours["chart-grid"], linecolor: colours.line, zerolinecolor: colours.line, ...more };
}

const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };

// ---- series --------------------------------------------------------------------------------------------

// A series is {at, values}: `at[i]` is the bar of `values[i]`.
function readSeries(packed) {
  const values = new Float32Array(decode(packed.values).buffer);
  if (packed.at) return { at: new Uint32Array(decode(packed.at).buffer), values };
  return { at: Uint32Array.from(values, (_, index) => index), values };
}

function underwater(equity, start) {
  let peak = start;
  const values = equity.values.map((value) => {
    peak = Math.max(peak, value);
    return ((value - peak) / peak) * 100;
  });
  return { at: equity.at, values };
}

function firstNotBefore(at, bar) {
  let low = 0;
  let high = at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at[middle] < bar) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The points of bars [from, to]: the first, the last and at most two for each bucket.
function thinned(series, from, to, buckets) {
  const first = Math.max(0, firstNotBefore(series.at, from) - 1);
  const last = Math.min(series.at.length, firstNotBefore(series.at, to) + 2);
  const points = { at: [], values: [] };
  let latest = -1;
  const keep = (index) => {
    if (index <= latest) return;
    latest = index;
    points.at.push(series.at[index]);
    points.values.push(series.values[index]);
  };
  if (last - first <= 2 * buckets) {
    for (let index = first; index < last; index += 1) keep(index);
    return points;
  }
  keep(first);
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const start = first + Math.floor(((last - first) * bucket) / buckets);
    const end = first + Math.floor(((last - first) * (bucket + 1)) / buckets);
    let low = start;
    let high = start;
    for (let index = start + 1; index < end; index += 1) {
      if (series.values[index] < series.values[low]) low = index;
      if (series.values[index] > series.values[high]) high = index;
    }
    keep(Math.min(low, high));
    keep(Math.max(low, high));
  }
  keep(last - 1);
  return points;
}

function rangeOf(collections, from, to) {
  let low = Infinity;
  let high = -Infinity;
  for (const { at, values } of collections) {
    for (let index = 0; index < at.length; index += 1) {
      if (at[index] < from || at[index] > to) continue;
      low = Math.min(low, values[index]);
      high = Math.max(high, values[index]);
    }
  }
  if (low > high) return [0, 1];
  const margin = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - margin, high + margin];
}

// ---- a page -------------------------------------------------------------------------------------------

// Unpacks the library and the data and draws; `draw` returns what draws again for other colours.
async function begin(draw) {
  try {
    if (typeof DecompressionStream === "undefined") {
      throw new Error("this browser cannot unpack the charts: use Chrome 80, Firefox 113, Safari 16.4 or newer");
    }
    const library = document.createElement("script");
    library.textContent = await unpack("plotly");
    document.head.append(library);
    const redraws = draw(JSON.parse(await unpack("data")));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((each) => each()));
    document.documentElement.dataset.charts = "drawn";
  } catch (error) {
    document.documentElement.dataset.charts = "failed";
    const banner = document.createElement("p");
    banner.className = "banner";
    banner.textContent = `The charts could not be drawn: ${error.message}. The figures below are complete.`;
    document.querySelector("main").prepend(banner);
  }
}

// Draws each chart once and returns what draws them again.
function drawAll(charts) {
  charts.forEach((draw) => draw());
  return charts;
}
