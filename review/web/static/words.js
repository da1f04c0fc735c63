/* Marks the words that only one of two texts has, in the page as it stands: text nodes are cut and wrapped, and no
   markup is ever made from text. */

const MOST_WORDS = 6_000;
const MOST_EDITS = 1_500;

/** Mark both elements; false where the texts are too long or too different for marks to help. */
export function markWords(left, right) {
  const lefts = wordsOf(left);
  const rights = wordsOf(right);
  if (lefts.length > MOST_WORDS || rights.length > MOST_WORDS) return false;
  const kept = commonWords(lefts.map((word) => word.text), rights.map((word) => word.text));
  if (!kept) return false;
  mark(lefts, kept.left);
  mark(rights, kept.right);
  return true;
}

export function unmarkWords(...elements) {
  for (const element of elements) {
    for (const one of element.querySelectorAll("mark")) one.replaceWith(...one.childNodes);
    element.normalize();
  }
}

function wordsOf(element) {
  const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter(undefined, { granularity: "word" }) : null;
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement.closest("math") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  const found = [];
  while (walker.nextNode() && found.length <= MOST_WORDS) {
    const node = walker.currentNode;
    const parts = segmenter
      ? Array.from(segmenter.segment(node.data), ({ segment, index }) => [segment, index])
      : Array.from(node.data.matchAll(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu), (match) => [match[0], match.index]);
    for (const [text, start] of parts) if (text.trim()) found.push({ node, start, end: start + text.length, text });
  }
  return found;
}

/** The words of a longest common subsequence (Myers 1986): a Set of indices for each side, or null beyond MOST_EDITS. */
export function commonWords(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const kept = { left: new Set(), right: new Set() };
  const keep = (i, j) => (kept.left.add(i), kept.right.add(j));
  for (let i = 0; i < start; i++) keep(i, i);
  for (let i = 1; i <= end; i++) keep(a.length - i, b.length - i);
  const steps = editSteps(a.slice(start, a.length - end), b.slice(start, b.length - end));
  if (!steps) return null;
  for (const [i, j] of steps) keep(start + i, start + j);
  return kept;
}

function editSteps(a, b) {
  const most = Math.min(a.length + b.length, MOST_EDITS);
  const trace = [];
  let furthest = new Map([[1, 0]]);
  for (let edits = 0; edits <= most; edits++) {
    const reached = new Map();
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const down =
        diagonal === -edits ||
        (diagonal !== edits && (furthest.get(diagonal - 1) ?? -1) < (furthest.get(diagonal + 1) ?? -1));
      let x = down ? furthest.get(diagonal + 1) : furthest.get(diagonal - 1) + 1;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x++;
      reached.set(diagonal, x);
      if (x >= a.length && x - diagonal >= b.length) return walkedBack([...trace, furthest], a.length, b.length);
    }
    trace.push(furthest);
    furthest = reached;
  }
  return null;
}

function walkedBack(trace, x, y) {
  const pairs = [];
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const before = trace[edits];
    const diagonal = x - y;
    const down =
      diagonal === -edits || (diagonal !== edits && (before.get(diagonal - 1) ?? -1) < (before.get(diagonal + 1) ?? -1));
    const fromDiagonal = down ? diagonal + 1 : diagonal - 1;
    const fromX = edits === 0 ? 0 : before.get(fromDiagonal);
    const fromY = edits === 0 ? 0 : fromX - fromDiagonal;
    while (x > fromX && y > fromY) pairs.push([--x, --y]);
    x = fromX;
    y = fromY;
  }
  return pairs;
}

function mark(words, kept) {
  // From the end, so that cutting a node leaves the places before the cut where they are.
  for (let index = words.length - 1; index >= 0; index--) {
    if (kept.has(index)) continue;
    const { node, start, end } = words[index];
    node.splitText(end);
    const one = document.createElement("mark");
    const word = node.splitText(start);
    word.replaceWith(one);
    one.append(word);
  }
}
