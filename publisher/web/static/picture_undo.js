// Takes back, and repeats, what was chosen for pictures: crop, focal point, protected parts, cuts, fit, place, removal.
// It watches the fields that hold the choices, whoever writes them. The browser itself undoes what is typed.
const form = document.getElementById("post");
const pictures = document.getElementById("pictures");
const status = document.getElementById("pictures-status");
const CHOICE = /^images-(\d+)-(?!media$|alt_text$|credit$|licence$)/;
const TYPED = ["text", "search", "url", "tel", "email", "password", "number", "date", "datetime-local", "time", "month", "week"];
const SAME_MS = 800;
const MAX_STEPS = 200;

const done = [];
const undone = [];
let last = new Map();
let applying = false;

function valueOf(field) {
  return field.type === "checkbox" ? field.checked : field.value;
}

function choices() {
  return new Map([...form.elements].filter((field) => CHOICE.test(field.name)).map((field) => [field.name, valueOf(field)]));
}

function isTyped(element) {
  return element?.isContentEditable || element?.localName === "textarea" || (element?.localName === "input" && TYPED.includes(element.type));
}

// Records what was chosen since the last time. Small steps of one field in a row, as by arrow keys, are one.
function record() {
  if (applying) return;
  const now = choices();
  const changes = [...now].filter(([name, after]) => last.has(name) && last.get(name) !== after).map(([name, after]) => ({ name, before: last.get(name), after }));
  last = now;
  if (changes.length === 0) return;
  const at = performance.now();
  const former = done.at(-1);
  const [change, ...more] = changes;
  const isSame = former && at - former.at < SAME_MS && more.length === 0 && former.changes.length === 1 && goesOn(former.changes[0], change);
  if (isSame) {
    former.changes[0].after = changes[0].after;
    former.at = at;
  } else done.push({ changes, at });
  if (done.length > MAX_STEPS) done.shift();
  undone.length = 0;
  offer();
}

// Decides whether a change moves on what the one before it moved. Beginning and removing are steps of their own.
function goesOn(former, { name, before, after }) {
  return former.name === name && [former.before, before, after].every((value) => value !== "" && typeof value === "string");
}

function step(from, to, side, text) {
  const taken = from.pop();
  if (!taken) return;
  taken.at = 0;
  to.push(taken);
  applying = true;
  const fields = taken.changes.map(({ name, [side]: value }) => [form.elements.namedItem(name), value]).filter(([field]) => field);
  for (const [field, value] of fields) {
    if (field.type === "checkbox") field.checked = value;
    else field.value = value;
  }
  form.dispatchEvent(new CustomEvent("pictureschosen"));
  for (const [field] of fields) {
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  applying = false;
  last = choices();
  offer();
  status.textContent = textOf(text, { what: describe(fields[0]?.[0]) });
  words.textContent = status.textContent;
}

// Returns the label of a field, and the picture that it belongs to.
function describe(field) {
  const label = field?.labels?.[0];
  const own = label && [...label.childNodes].filter((node) => !node.classList?.contains("hint")).map((node) => node.textContent).join("");
  const place = field?.closest(".picture")?.querySelector("[data-place]")?.textContent ?? "";
  return textOf("choice_of_picture", { choice: (own ?? "").replace(/\s+/g, " ").trim(), place });
}

function undo() {
  step(done, undone, "before", "undone");
}

function redo() {
  step(undone, done, "after", "redone");
}

function makeButton(name, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = textOf(name);
  button.addEventListener("click", () => {
    act();
    if (button.disabled) (button === undoButton ? redoButton : undoButton).focus();
  });
  return button;
}

const undoButton = makeButton("undo", undo);
const redoButton = makeButton("redo", redo);
const words = document.createElement("span");
words.className = "quiet";
const row = document.createElement("p");
row.className = "row undoing";
row.hidden = true;
row.append(undoButton, redoButton, words);

function offer() {
  row.hidden = done.length + undone.length === 0;
  undoButton.disabled = done.length === 0;
  redoButton.disabled = undone.length === 0;
  words.textContent = "";
}

function keyed(event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || isTyped(document.activeElement)) return;
  const key = event.key.toLowerCase();
  const act = key === "z" ? (event.shiftKey ? redo : undo) : key === "y" && event.ctrlKey ? redo : null;
  if (!act || (act === undo ? done : undone).length === 0) return;
  event.preventDefault();
  act();
}

if (status) {
  pictures.querySelector("legend").after(row);
  last = choices();
  form.addEventListener("input", record);
  form.addEventListener("change", record);
  document.addEventListener("keydown", keyed);
  // Who draws on a picture no longer types: what they undo next is what they drew.
  pictures.addEventListener("pointerdown", ({ target }) => {
    if (target.closest(".drawing .stage, .handle") && isTyped(document.activeElement)) document.activeElement.blur();
  });
}
