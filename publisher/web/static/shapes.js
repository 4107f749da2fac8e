// Converts boxes, points and cuts on a picture between fractions, form fields and words.
const MIN_SIZE = 0.02;
const SHAPES = { crop_box: "box", focal_point: "point", protected: "box", gutters: "cut" };

export const clamp = (value, min = 0, max = 1) => Math.min(max, Math.max(min, value));
const rounded = (value) => Math.round(value * 1000) / 1000;
export const percent = (value) => `${Math.round(value * 100)} %`;
const numbers = (text) => text.split(",").filter((part) => part.trim()).map(Number).filter(Number.isFinite);

export function shapeOf(kind) {
  return SHAPES[kind];
}

export function read(kind, text) {
  const parts = text.split(SHAPES[kind] === "box" ? ";" : "\n").map(numbers);
  if (SHAPES[kind] === "cut") return parts.flat().map((x) => ({ x }));
  if (SHAPES[kind] === "point") return parts.filter((part) => part.length === 2).map(([x, y]) => ({ x, y }));
  return parts.filter((part) => part.length === 4).map(([left, top, width, height]) => ({ left, top, width, height }));
}

export function format(kind, shapes) {
  const separator = SHAPES[kind] === "box" ? "; " : ", ";
  return shapes.map((shape) => sides(shape).join(", ")).join(separator);
}

// Returns the numbers of a shape, rounded so that no box reaches beyond the picture.
function sides({ left, top, width, height, x, y }) {
  if (width === undefined) return y === undefined ? [rounded(x)] : [rounded(x), rounded(y)];
  const [l, t] = [rounded(left), rounded(top)];
  return [l, t, Math.min(rounded(width), rounded(1 - l)), Math.min(rounded(height), rounded(1 - t))];
}

// Returns a shape with a corner, or all of it, moved by a fraction of the picture.
export function moveShape(shape, part, dx, dy) {
  if (shape.width === undefined) return { ...shape, x: clamp(shape.x + dx), ...(shape.y === undefined ? {} : { y: clamp(shape.y + dy) }) };
  const { left, top, width, height } = shape;
  if (part === "all") return { ...shape, left: clamp(left + dx, 0, 1 - width), top: clamp(top + dy, 0, 1 - height) };
  const right = left + width;
  const bottom = top + height;
  const west = part.endsWith("w") ? clamp(left + dx, 0, right - MIN_SIZE) : left;
  const east = part.endsWith("e") ? clamp(right + dx, left + MIN_SIZE, 1) : right;
  const north = part.startsWith("n") ? clamp(top + dy, 0, bottom - MIN_SIZE) : top;
  const south = part.startsWith("s") ? clamp(bottom + dy, top + MIN_SIZE, 1) : bottom;
  return { left: west, top: north, width: east - west, height: south - north };
}

export function handlePosition(shape, part) {
  if (shape.width === undefined) return [shape.x, shape.y ?? 0.5];
  const x = part === "all" ? shape.left + shape.width / 2 : part.endsWith("w") ? shape.left : shape.left + shape.width;
  const y = part === "all" ? shape.top + shape.height / 2 : part.startsWith("n") ? shape.top : shape.top + shape.height;
  return [x, y];
}

export function inWords(shape) {
  if (shape.width !== undefined) {
    const { width, height, left, top } = shape;
    return textOf("box", { width: percent(width), height: percent(height), left: percent(left), top: percent(top) });
  }
  const [x, y] = [percent(shape.x), percent(shape.y ?? 0)];
  return shape.y === undefined ? textOf("from_left", { x }) : textOf("from_left_and_top", { x, y });
}

// Make the first shape under a pointer, and the one that the keyboard begins with.
export function shapeAt(kind, x, y) {
  if (SHAPES[kind] === "box") return { left: clamp(x, 0, 1 - MIN_SIZE), top: clamp(y, 0, 1 - MIN_SIZE), width: MIN_SIZE, height: MIN_SIZE };
  return SHAPES[kind] === "point" ? { x, y } : { x };
}

export function shapeInMiddle(kind) {
  if (kind === "crop_box") return { left: 0.1, top: 0.1, width: 0.8, height: 0.8 };
  return kind === "protected" ? { left: 0.35, top: 0.35, width: 0.3, height: 0.3 } : shapeAt(kind, 0.5, 0.5);
}

export function isSpeck(shape) {
  return shape.width <= MIN_SIZE && shape.height <= MIN_SIZE;
}

export function contains(shape, x, y) {
  return x > shape.left && y > shape.top && x < shape.left + shape.width && y < shape.top + shape.height;
}

// Lists the SVG elements drawn over the picture, in a box of one by one: name, class, attributes.
export function marks(kind, shapes, name = kind) {
  return shapes.flatMap(({ left, top, width, height, x, y }) => {
    if (SHAPES[kind] === "cut") return [["path", name, { d: `M${x} 0V1` }]];
    if (SHAPES[kind] === "point") return [["path", name, { d: `M${x - 0.04} ${y}H${x + 0.04}M${x} ${y - 0.04}V${y + 0.04}` }]];
    const box = ["rect", name, { x: left, y: top, width, height }];
    const outside = `M0 0H1V1H0Z M${left} ${top}V${top + height}H${left + width}V${top}Z`;
    return kind === "crop_box" ? [["path", "dimmed", { d: outside, "fill-rule": "evenodd" }], box] : [box];
  });
}
