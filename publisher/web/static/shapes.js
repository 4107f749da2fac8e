// Boxes, points and cuts on a picture: as fractions of its sides, as the text of a form's field, and in words.
const SMALLEST = 0.02;
const SHAPES = { crop_box: "box", focal_point: "point", protected: "box", gutters: "cut" };

export const clamp = (value, least = 0, most = 1) => Math.min(most, Math.max(least, value));
const rounded = (value) => Math.round(value * 1000) / 1000;
export const percent = (value) => `${Math.round(value * 100)} %`;
const numbers = (text) => text.split(",").filter((part) => part.trim()).map(Number).filter(Number.isFinite);

export function shapeOf(kind) {
  return SHAPES[kind];
}

export function read(kind, text) {
  const parts = text.split(SHAPES[kind] === "box" ? ";" : "\n").map(numbers);
  if (SHAPES[kind] === "cut") return parts.flat().map((x) => ({ x }));
  if (SHAPES[kind] === "point") return parts.filter((each) => each.length === 2).map(([x, y]) => ({ x, y }));
  return parts.filter((each) => each.length === 4).map(([left, top, width, height]) => ({ left, top, width, height }));
}

export function written(kind, shapes) {
  const separator = SHAPES[kind] === "box" ? "; " : ", ";
  return shapes.map((each) => sides(each).join(", ")).join(separator);
}

// Rounded so that no box reaches beyond the picture.
function sides({ left, top, width, height, x, y }) {
  if (width === undefined) return y === undefined ? [rounded(x)] : [rounded(x), rounded(y)];
  const [l, t] = [rounded(left), rounded(top)];
  return [l, t, Math.min(rounded(width), rounded(1 - l)), Math.min(rounded(height), rounded(1 - t))];
}

// A shape after a corner, or all of it, was moved by a part of the picture.
export function moved(shape, part, dx, dy) {
  if (shape.width === undefined) return { ...shape, x: clamp(shape.x + dx), ...(shape.y === undefined ? {} : { y: clamp(shape.y + dy) }) };
  const { left, top, width, height } = shape;
  if (part === "all") return { ...shape, left: clamp(left + dx, 0, 1 - width), top: clamp(top + dy, 0, 1 - height) };
  const right = left + width;
  const bottom = top + height;
  const west = part.endsWith("w") ? clamp(left + dx, 0, right - SMALLEST) : left;
  const east = part.endsWith("e") ? clamp(right + dx, left + SMALLEST, 1) : right;
  const north = part.startsWith("n") ? clamp(top + dy, 0, bottom - SMALLEST) : top;
  const south = part.startsWith("s") ? clamp(bottom + dy, top + SMALLEST, 1) : bottom;
  return { left: west, top: north, width: east - west, height: south - north };
}

export function whereIs(shape, part) {
  if (shape.width === undefined) return [shape.x, shape.y ?? 0.5];
  const x = part === "all" ? shape.left + shape.width / 2 : part.endsWith("w") ? shape.left : shape.left + shape.width;
  const y = part === "all" ? shape.top + shape.height / 2 : part.startsWith("n") ? shape.top : shape.top + shape.height;
  return [x, y];
}

export function inWords(shape) {
  if (shape.width !== undefined) return `${percent(shape.width)} wide and ${percent(shape.height)} high, from ${percent(shape.left)} left, ${percent(shape.top)} top`;
  return shape.y === undefined ? `${percent(shape.x)} from the left` : `${percent(shape.x)} from the left, ${percent(shape.y)} from the top`;
}

// What begins where a finger comes down, and what a keyboard begins with.
export function begunAt(kind, x, y) {
  if (SHAPES[kind] === "box") return { left: clamp(x, 0, 1 - SMALLEST), top: clamp(y, 0, 1 - SMALLEST), width: SMALLEST, height: SMALLEST };
  return SHAPES[kind] === "point" ? { x, y } : { x };
}

export function begunInTheMiddle(kind) {
  if (kind === "crop_box") return { left: 0.1, top: 0.1, width: 0.8, height: 0.8 };
  return kind === "protected" ? { left: 0.35, top: 0.35, width: 0.3, height: 0.3 } : begunAt(kind, 0.5, 0.5);
}

export function isSpeck(shape) {
  return shape.width <= SMALLEST && shape.height <= SMALLEST;
}

export function holds(shape, x, y) {
  return x > shape.left && y > shape.top && x < shape.left + shape.width && y < shape.top + shape.height;
}

// What is drawn over the picture, one by one unit wide: the name of an SVG element, its class, its attributes.
export function marks(kind, shapes, name = kind) {
  return shapes.flatMap(({ left, top, width, height, x, y }) => {
    if (SHAPES[kind] === "cut") return [["path", name, { d: `M${x} 0V1` }]];
    if (SHAPES[kind] === "point") return [["path", name, { d: `M${x - 0.04} ${y}H${x + 0.04}M${x} ${y - 0.04}V${y + 0.04}` }]];
    const box = ["rect", name, { x: left, y: top, width, height }];
    const outside = `M0 0H1V1H0Z M${left} ${top}V${top + height}H${left + width}V${top}Z`;
    return kind === "crop_box" ? [["path", "dimmed", { d: outside, "fill-rule": "evenodd" }], box] : [box];
  });
}
