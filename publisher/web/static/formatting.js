// Gives text fields that take Markdown a toolbar and shortcuts, and keeps the formatting of what is pasted.
const form = document.getElementById("post");
const { toMarkdown, toScript } = await import(form.dataset.richText);
const MAX_PASTED = 2_000_000;
const KEYS = { b: "bold", i: "italic", k: "link" };
const MARKS = { bold: "**", italic: "*" };
const ADDRESS = "https://";
const TOOLS = ["bold", "italic", "link", "bullets", "numbers", "quote", "sub", "super"];
const SIGNS = { bold: "B", italic: "I", bullets: "•", numbers: "1.", quote: "“ ”", sub: "x₂", super: "x²" };
const APPLE = navigator.platform.startsWith("Mac");

// Types a text as a person would, so that Undo takes it back. Returns whether all of it stands there.
function type(area, start, end, text) {
  area.focus();
  area.setSelectionRange(start, end);
  const expected = area.value.slice(0, start) + text + area.value.slice(end);
  document.execCommand(text ? "insertText" : "delete", false, text);
  return area.value === expected;
}

function tell(area, text) {
  const status = document.getElementById(`${area.id}-formatting`);
  status.textContent = text;
}

function around(area) {
  return [area.selectionStart, area.selectionEnd, area.value.slice(area.selectionStart, area.selectionEnd)];
}

// Puts marks around what is selected, or takes them away.
function mark(area, sign) {
  const [start, end, selected] = around(area);
  const before = area.value.slice(0, start);
  const after = area.value.slice(end);
  const bare = selected.trim();
  const from = start + selected.indexOf(bare);
  const to = from + bare.length;
  if (before.endsWith(sign) && after.startsWith(sign) && !(sign === "*" && before.endsWith("**") && !before.endsWith("***"))) {
    if (type(area, start - sign.length, end + sign.length, selected)) area.setSelectionRange(start - sign.length, end - sign.length);
    return;
  }
  if (type(area, from, to, sign + bare + sign)) area.setSelectionRange(from + sign.length, to + sign.length);
}

function link(area, address = ADDRESS) {
  const [start, end, selected] = around(area);
  const label = selected.trim().replaceAll("]", "\\]");
  if (!type(area, start, end, `[${label}](${address})`)) return;
  const at = start + label.length + 3;
  if (!label) area.setSelectionRange(start + 1, start + 1);
  else if (address === ADDRESS) area.setSelectionRange(at, at + address.length);
}

// Begins each selected line with a sign, or takes the signs away when each has one.
function lines(area, pattern, signOf) {
  const [start, end] = around(area);
  const from = area.value.lastIndexOf("\n", start - 1) + 1;
  const next = area.value.indexOf("\n", end);
  const to = next === -1 ? area.value.length : next;
  const all = area.value.slice(from, to).split("\n");
  const signed = all.every((line) => !line.trim() || pattern.test(line));
  let number = 0;
  const changed = all.map((line) => {
    if (!line.trim() && all.length > 1) return line;
    return signed ? line.replace(pattern, "") : signOf(++number) + line.replace(/^(> |[-*+] |\d+[.)] )/, "");
  });
  const apart = !signed && from > 0 && area.value[from - 2] !== "\n" && from - 1 > 0 ? "\n" : "";
  const text = apart + changed.join("\n");
  if (type(area, from, to, text)) area.setSelectionRange(from + apart.length, from + text.length);
}

function script(area, kind) {
  const [start, end, selected] = around(area);
  if (!selected) return tell(area, textOf("select_first"));
  const shown = toScript(selected, kind);
  if (shown === null) return tell(area, textOf(kind === "sub" ? "no_subscript" : "no_superscript", { text: selected }));
  if (type(area, start, end, shown)) area.setSelectionRange(start, start + shown.length);
}

const ACTS = {
  bold: (area) => mark(area, MARKS.bold),
  italic: (area) => mark(area, MARKS.italic),
  link: (area) => link(area),
  bullets: (area) => lines(area, /^[-*+] /, () => "- "),
  numbers: (area) => lines(area, /^\d+[.)] /, (number) => `${number}. `),
  quote: (area) => lines(area, /^> /, () => "> "),
  sub: (area) => script(area, "sub"),
  super: (area) => script(area, "super"),
};

function act(area, tool) {
  tell(area, "");
  ACTS[tool](area);
}

function makeTool(area, tool, index) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.tool = tool;
  button.tabIndex = index ? -1 : 0;
  const key = Object.keys(KEYS).find((letter) => KEYS[letter] === tool);
  const name = textOf(`tool_${tool}`);
  button.setAttribute("aria-label", name);
  if (key) button.setAttribute("aria-keyshortcuts", `${APPLE ? "Meta" : "Control"}+${key.toUpperCase()}`);
  button.title = key ? `${name} (${APPLE ? "⌘" : "Ctrl+"}${key.toUpperCase()})` : name;
  button.textContent = SIGNS[tool] ?? name;
  // Otherwise the field would lose its selection.
  button.addEventListener("mousedown", (event) => event.preventDefault());
  button.addEventListener("click", () => act(area, tool));
  return button;
}

function makeToolbar(area) {
  const bar = document.createElement("div");
  bar.className = "formatting";
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", textOf("toolbar"));
  bar.setAttribute("aria-controls", area.id);
  const tools = TOOLS.map((tool, index) => makeTool(area, tool, index));
  bar.append(...tools);
  bar.addEventListener("keydown", (event) => {
    const at = tools.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined || at === -1) return;
    event.preventDefault();
    const tool = tools.at(to % tools.length);
    for (const other of tools) other.tabIndex = other === tool ? 0 : -1;
    tool.focus();
  });
  const status = document.createElement("span");
  status.id = `${area.id}-formatting`;
  status.className = "hint";
  status.setAttribute("role", "status");
  area.before(bar);
  area.after(status);
}

function room(area, start, end) {
  return area.maxLength < 0 ? Infinity : area.maxLength - area.value.length + (end - start);
}

function told({ unscripted, pictures }) {
  const texts = [];
  if (unscripted.length) texts.push(textOf("unscripted", { texts: [...new Set(unscripted)].map((text) => `“${text}”`).join(", ") }));
  if (pictures) texts.push(textOf("pictures_left", { count: pictures }));
  return texts.join(" ");
}

function paste(area, event) {
  const html = event.clipboardData.getData("text/html");
  const plain = event.clipboardData.getData("text/plain");
  const [start, end, selected] = around(area);
  tell(area, "");
  if (selected.trim() && /^https?:\/\/\S+$/.test(plain.trim()) && !/^https?:/.test(selected.trim())) {
    event.preventDefault();
    return link(area, plain.trim());
  }
  const rich = html && html.length <= MAX_PASTED ? toMarkdown(html) : null;
  const text = rich?.markdown || plain;
  const free = room(area, start, end);
  if (text.length > free) {
    // The browser would cut it off without a word.
    event.preventDefault();
    return tell(area, textOf("too_long_to_paste", { length: numberOf(text.length), free: numberOf(Math.max(0, free)) }));
  }
  if (!rich?.markdown) return;
  event.preventDefault();
  if (type(area, start, end, text)) tell(area, told(rich));
}

for (const area of form.querySelectorAll("textarea[data-markdown]")) {
  makeToolbar(area);
  area.addEventListener("paste", (event) => paste(area, event));
  area.addEventListener("keydown", (event) => {
    if (!(APPLE ? event.metaKey : event.ctrlKey) || event.altKey || event.shiftKey) return;
    const tool = KEYS[event.key.toLowerCase()];
    if (!tool) return;
    event.preventDefault();
    act(area, tool);
  });
}
